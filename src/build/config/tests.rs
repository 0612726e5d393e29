use super::*;

fn exec(words: &[&str]) -> Command {
    Command::Exec(words.iter().map(|word| (*word).to_owned()).collect())
}

fn line(text: &str) -> Command {
    Command::Shell(text.to_owned())
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// The `config` after these instructions.
fn after(mut image: Value, instructions: &[Instruction]) -> Value {
    let mut has_cmd = false;
    for instruction in instructions {
        apply(&mut image, instruction, &mut has_cmd).unwrap();
    }
    image["config"].clone()
}

#[test]
fn commands_have_the_shell_of_the_moment() {
    let image = json!({"config": {"Cmd": ["old"], "Shell": ["/bin/ash", "-ec"]}});
    let config = after(image.clone(), &[Instruction::Cmd(line("echo $X"))]);
    assert_eq!(config["Cmd"], json!(["/bin/ash", "-ec", "echo $X"]));
    let shell = Instruction::Shell(words(&["/bin/bash", "-c"]));
    let config = after(image, &[shell, Instruction::Entrypoint(line("a"))]);
    assert_eq!(config["Entrypoint"], json!(["/bin/bash", "-c", "a"]));
    assert_eq!(after(json!({}), &[Instruction::Cmd(line("a"))])["Cmd"], json!(["/bin/sh", "-c", "a"]));
}

#[test]
fn an_entrypoint_drops_an_inherited_cmd_only() {
    let image = json!({"config": {"Cmd": ["old"], "Entrypoint": ["old"]}});
    let entrypoint = || Instruction::Entrypoint(exec(&["a"]));
    assert_eq!(after(image.clone(), &[entrypoint()]), json!({"Entrypoint": ["a"]}));
    let cmd = || Instruction::Cmd(exec(&["c"]));
    assert_eq!(after(image.clone(), &[cmd(), entrypoint()])["Cmd"], json!(["c"]));
    assert_eq!(after(image.clone(), &[entrypoint(), cmd()])["Cmd"], json!(["c"]));
    assert_eq!(after(image, &[Instruction::Entrypoint(exec(&[]))]), json!({}));
}

#[test]
fn names_are_set_again_and_others_added() {
    let image = json!({"config": {"Env": ["PATH=/bin", "A=1", "AB=2"], "Labels": {"x": "1"}}});
    let env = Instruction::Env(pairs(&[("A", "3=4"), ("N", "")]));
    let label = Instruction::Label(pairs(&[("x", "2"), ("y", "")]));
    let config = after(image, &[env, label]);
    assert_eq!(config["Env"], json!(["PATH=/bin", "A=3=4", "AB=2", "N="]));
    assert_eq!(config["Labels"], json!({"x": "2", "y": ""}));
}

#[test]
fn ports_volumes_and_triggers_add_up() {
    let image = json!({"config": {"ExposedPorts": {"1/tcp": {}}, "Volumes": null, "OnBuild": ["RUN a"]}});
    let steps = [
        Instruction::Expose(words(&["80", "53/udp"])),
        Instruction::Volume(words(&["/a", "b"])),
        Instruction::Onbuild("COPY . /x".to_owned()),
    ];
    let config = after(image, &steps);
    assert_eq!(config["ExposedPorts"], json!({"1/tcp": {}, "80/tcp": {}, "53/udp": {}}));
    assert_eq!(config["Volumes"], json!({"/a": {}, "b": {}}));
    assert_eq!(config["OnBuild"], json!(["RUN a", "COPY . /x"]));
    let mut image = json!({});
    let empty = Instruction::Volume(words(&[""]));
    assert!(apply(&mut image, &empty, &mut false).is_err());
}

#[test]
fn a_health_check_has_what_is_not_by_default() {
    let check = |command, interval, retries| {
        let (timeout, start_period, start_interval) = (0, 0, 0);
        Instruction::Healthcheck(Healthcheck::Check {
            command,
            interval,
            timeout,
            start_period,
            start_interval,
            retries,
        })
    };
    let of = |instruction| after(json!({}), &[instruction])["Healthcheck"].clone();
    assert_eq!(of(check(line("true"), 0, 0)), json!({"Test": ["CMD-SHELL", "true"]}));
    let given = json!({"Test": ["CMD", "a", "b"], "Interval": 5_000_000_000i64, "Retries": 3});
    assert_eq!(of(check(exec(&["a", "b"]), 5_000_000_000, 3)), given);
    assert_eq!(of(Instruction::Healthcheck(Healthcheck::None)), json!({"Test": ["NONE"]}));
}

#[test]
fn signals_are_numbers_or_names() {
    for signal in ["SIGTERM", "term", "9", "SIGRTMIN+3"] {
        let config = after(json!({}), &[Instruction::Stopsignal(signal.to_owned())]);
        assert_eq!(config["StopSignal"], signal);
    }
    for bad in ["", "0", "65", "SIGNOTHING", "SIG"] {
        let step = Instruction::Stopsignal(bad.to_owned());
        assert!(apply(&mut json!({}), &step, &mut false).is_err(), "{bad}");
    }
}

#[test]
fn working_directories_chain() {
    let step = |path: &str| Instruction::Workdir(path.to_owned());
    let of = |steps: &[Instruction]| after(json!({}), steps)["WorkingDir"].clone();
    assert_eq!(of(&[step("a")]), "/a");
    assert_eq!(of(&[step("/a/"), step("b"), step("../c/./d")]), "/a/c/d");
    assert_eq!(of(&[step("/a"), step("/")]), "/");
    assert_eq!(of(&[step("../..")]), "/");
}

#[test]
fn odd_configs_are_no_reason_to_fail() {
    for image in [json!(null), json!([]), json!({"config": 7}), json!({"config": {"Env": "x", "Labels": 1}})]
    {
        let steps = [
            Instruction::Env(pairs(&[("A", "1")])),
            Instruction::Label(pairs(&[("l", "1")])),
            Instruction::Entrypoint(exec(&["a"])),
            Instruction::Onbuild("RUN x".to_owned()),
            Instruction::Expose(words(&["1"])),
        ];
        let config = after(image, &steps);
        assert_eq!((&config["Env"], &config["Labels"]), (&json!(["A=1"]), &json!({"l": "1"})));
    }
    let mut image = json!([]);
    apply(&mut image, &Instruction::Maintainer("me".to_owned()), &mut false).unwrap();
    assert_eq!(image["author"], "me");
}
