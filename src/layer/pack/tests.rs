use super::Writer;
use crate::layer::tests::*;
use crate::layer::{Content, Entry, EntryKind, FileContent, Index, Name, Options, Reader, Target, apply};

fn name(text: &str) -> Name {
    Name::parse(text.as_bytes()).unwrap()
}

#[test]
fn what_a_layer_hides_is_written_as_whiteouts() {
    let lower =
        tar([directory("d"), file("d/a", b"1"), file("d/b", b"2"), directory("e"), file("e/c", b"3")]);
    let mut layer = Writer::layer(Vec::new());
    layer.begin().unwrap();
    layer.hide(&name("d/a")).unwrap();
    layer.hide_children(&name("e")).unwrap();
    layer.append(&file("e/new", b"4").0, b"4").unwrap();
    layer.end().unwrap();
    let index = index(&[lower, layer.finish().unwrap()]).unwrap();
    let mut paths = Vec::new();
    index.for_each(&mut |path, _| paths.push(path.to_str().unwrap().to_owned()));
    assert_eq!(paths, ["", "d", "d/b", "e", "e/new"]);
}

#[test]
fn names_of_whiteouts_are_ordinary_in_plain_archives_only() {
    for whiteout in ["d/.wh.a", ".wh..wh..opq", ".wh.d/a"] {
        let (entry, content) = file(whiteout, b"1");
        let mut plain = Writer::new(Vec::new());
        plain.append(&entry, content).unwrap();
        let mut index = Index::new();
        apply(&plain.finish().unwrap()[..], &mut index, &Options::default()).unwrap();
        assert!(index.get(whiteout).is_some());
        let error = Writer::layer(Vec::new()).append(&entry, content).unwrap_err().to_string();
        assert_eq!(error, format!("entry '{whiteout}': has a name that means a whiteout in a layer"));
    }
    assert!(Writer::new(Vec::new()).hide(&name("d/a")).is_err());
    assert!(Writer::layer(Vec::new()).hide(&name("d/.wh.a")).is_err());
    assert!(Writer::layer(Vec::new()).hide(&name("")).is_err());
}

#[test]
fn holes_are_written_as_zeros() {
    let temp = crate::testing::TempDir::new();
    let path = temp.path().join("sparse");
    std::fs::write(&path, b"head").unwrap();
    let size = 1 << 20;
    std::fs::File::options().write(true).open(&path).unwrap().set_len(size).unwrap();
    let entry = Entry::new("sparse", EntryKind::File { size }).unwrap();
    let content = || FileContent::new(std::fs::File::open(&path).unwrap(), size);
    assert!(!content().is_whole(size), "the filesystem of the temporary directory has no holes");
    let mut sparse = Writer::new(Vec::new());
    sparse.put(&entry, &mut content()).unwrap();
    let mut whole = Writer::new(Vec::new());
    whole.append(&entry, &std::fs::read(&path).unwrap()).unwrap();
    assert!(sparse.finish().unwrap() == whole.finish().unwrap());
}

#[test]
fn holes_that_are_kept_cost_nothing_and_come_back() {
    let temp = crate::testing::TempDir::new();
    let path = temp.path().join("sparse");
    let size = (64 << 20) + 7;
    for data in [&[][..], &[(0, 5)], &[(4 << 20, 6)], &[(1 << 20, 5000), (size - 3, 3)]] {
        let file = std::fs::File::create(&path).unwrap();
        file.set_len(size).unwrap();
        for &(offset, length) in data {
            std::os::unix::fs::FileExt::write_all_at(&file, &vec![7; length as usize], offset).unwrap();
        }
        let entry = Entry::new("d/sparse", EntryKind::File { size }).unwrap();
        let mut content = FileContent::new(std::fs::File::open(&path).unwrap(), size);
        let mut writer = Writer::new(Vec::new()).sparse();
        writer.put(&entry, &mut content).unwrap();
        let archive = writer.finish().unwrap();
        assert!(archive.len() < 100_000, "{}", archive.len());
        let mut reader = Reader::new(&archive[..]);
        assert_eq!(reader.next().unwrap().unwrap(), entry);
        let mut read = Vec::new();
        crate::layer::content::flatten(&mut reader.content(), size, &mut |bytes| {
            read.extend_from_slice(bytes);
            Ok(())
        })
        .unwrap();
        assert!(read == std::fs::read(&path).unwrap(), "{data:?}");
        assert!(reader.next().unwrap().is_none());
    }
}
