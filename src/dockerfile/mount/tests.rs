//! `RUN --mount` with all of its options.

use super::*;

fn options(text: &str) -> Result<MountOptions> {
    Mount::parse(text)?.resolve(&|word| Ok(word.to_owned()))
}

#[test]
fn each_type() {
    let bind = options("target=/x").unwrap();
    assert_eq!((bind.kind, bind.target.as_str(), bind.read_only), (MountKind::Bind, "/x", true));
    let bind = options("type=bind,from=stage,source=/a,dst=/x,rw").unwrap();
    assert_eq!((bind.from.as_deref(), bind.source.as_str(), bind.read_only), (Some("stage"), "/a", false));
    let cache = options("type=CACHE,destination=/x,id=c,sharing=Locked,mode=0755,uid=7,gid=8").unwrap();
    assert_eq!((cache.kind, cache.id.as_str(), cache.sharing), (MountKind::Cache, "c", Sharing::Locked));
    assert_eq!((cache.mode, cache.uid, cache.gid, cache.read_only), (Some(0o755), Some(7), Some(8), false));
    let tmpfs = options("type=tmpfs,target=/x,size=64m").unwrap();
    assert_eq!((tmpfs.kind, tmpfs.size, tmpfs.read_only), (MountKind::Tmpfs, Some(64 << 20), false));
    let ssh = options("type=ssh,required").unwrap();
    assert_eq!(
        (ssh.kind, ssh.required, ssh.id.as_str(), ssh.target.as_str()),
        (MountKind::Ssh, true, "", "")
    );
}

#[test]
fn secrets_have_names_and_places() {
    let place = |text| {
        let made = options(text).unwrap();
        (made.id, made.target, made.env.unwrap_or_default())
    };
    let is = |id: &str, target: &str, env: &str| (id.to_owned(), target.to_owned(), env.to_owned());
    assert_eq!(place("type=secret,id=a"), is("a", "/run/secrets/a", ""));
    assert_eq!(place("type=secret,id=b/a"), is("b/a", "/run/secrets/a", ""));
    assert_eq!(place("type=secret,source=a"), is("a", "/run/secrets/a", ""));
    assert_eq!(place("type=secret,target=/x/a"), is("a", "/x/a", ""));
    assert_eq!(place("type=secret,id=a,env=V"), is("a", "", "V"));
    assert_eq!(place("type=secret,id=a,env="), is("a", "", "a"));
    assert_eq!(place("type=secret,id=a,env=V,target=/x"), is("a", "/x", "V"));
    assert!(options("type=secret,id=a,required=false").is_ok_and(|made| !made.required));
    assert!(options("type=secret,id=a,required=1").is_ok_and(|made| made.required));
}

#[test]
fn what_is_refused() {
    for (text, why) in [
        ("type=x,target=/x", "the type 'x' of a mount is not known"),
        ("type=cach,target=/x", "the type 'cach'"),
        ("target", "the option 'target' of a mount needs a value"),
        ("nope", "the option 'nope' of a mount is not known"),
        ("nope=1", "the option 'nope' of a mount is not known"),
        ("target=/x,required", "a mount of type bind has no option 'required'"),
        ("target=/x,ro=maybe", "true or false, and not 'maybe'"),
        ("target=/x,mode=755", "a mount of type bind has no option 'mode'"),
        ("target=/x,sharing=shared", "a mount of type bind has no option 'sharing'"),
        ("target=/x,env=V", "a mount of type bind has no option 'env'"),
        ("target=/x,size=1", "a mount of type bind has no option 'size'"),
        ("type=cache,target=/x,sharing=mine", "the sharing 'mine'"),
        ("type=cache,target=/x,mode=8", "an octal number, and not '8'"),
        ("type=cache,target=/x,mode=+7", "an octal number"),
        ("type=cache,target=/x,uid=root", "a number, and not 'root'"),
        ("type=tmpfs,target=/x,size=big", "a number of bytes"),
        ("type=secret", "needs an id"),
        ("type=secret,id=a,source=b", "either a source or an id"),
        ("type=secret,id=a,from=b", "has no option 'from'"),
        ("target=/x,from=$X", "takes no variables"),
        ("\"target=/x", "has no end"),
        ("\"target=/x\"y", "text follows"),
    ] {
        let error = Mount::parse(text).expect_err(text).to_string();
        assert!(error.contains(why), "{text}: {error}");
    }
    let hint = Mount::parse("type=cach,target=/x").unwrap_err();
    assert_eq!(hint.hint_text(), Some("did you mean type=cache?"));
}

#[test]
fn variables_are_replaced_later() {
    let mount = Mount::parse("type=$T,target=/x/$N,from=a").unwrap();
    assert_eq!(mount.from.as_deref(), Some("a"));
    let made = mount.resolve(&|word| Ok(word.replace("$T", "cache").replace("$N", "y"))).unwrap();
    assert_eq!((made.kind, made.target.as_str()), (MountKind::Cache, "/x/y"));
    assert!(mount.resolve(&|word| Ok(word.replace("$T", "nope"))).is_err());
}

#[test]
fn commas_in_quotes() {
    let made = options("\"target=/a,b\",\"source=/\"\"c\"\"\"").unwrap();
    assert_eq!((made.target.as_str(), made.source.as_str()), ("/a,b", "/\"c\""));
}
