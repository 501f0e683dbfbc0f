//! The configuration folder as texts: `settings.yaml`, `connections/<name>.yaml`, `<name>.yaml`. Reading only; what the texts say is
//! the business of [`super::load`].

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

/// Files larger than this are not read in full: the decoder refuses them anyway.
const LARGEST: u64 = (1 << 20) + 1;

/// The files of a folder by what they are. Texts that are no UTF-8 come with the broken places replaced, and are refused later.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Texts {
    /// `settings.yaml`
    pub settings: Option<File>,
    /// By name.
    pub connections: BTreeMap<String, File>,
    /// By name.
    pub pipelines: BTreeMap<String, File>,
}

/// One file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// As messages print it.
    pub path: String,
    /// Its bytes, at most a little over 1 MiB.
    pub bytes: Vec<u8>,
    /// Why it cannot be used whatever it says: it cannot be read, or another file has its name.
    pub trouble: Option<Trouble>,
}

/// What is wrong with a file before its text counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The system does not let it be read.
    Unreadable(String),
    /// `clients.yml` beside `clients.yaml`: the path of the other.
    Twin(String),
}

impl File {
    /// A file that could be read.
    pub fn new(path: impl Into<String>, bytes: Vec<u8>) -> Self {
        Self { path: path.into(), bytes, trouble: None }
    }
}

/// Reads a folder. Files that begin with `.` or `_`, or end in `~`, `.swp`, `.tmp`, are ignored. A file that cannot be read is in trouble
/// by itself; only a folder that cannot be read is an error.
pub fn read(folder: &Path) -> io::Result<Texts> {
    let mut texts = Texts::default();
    for (name, path) in yaml_files(folder)? {
        let Some(file) = read_file(&path) else { continue };
        if name == "settings" {
            texts.settings = Some(beside(texts.settings.take(), file));
        } else {
            put(&mut texts.pipelines, name, file);
        }
    }
    let connections = folder.join("connections");
    if connections.is_dir() {
        for (name, path) in yaml_files(&connections)? {
            if let Some(file) = read_file(&path) {
                put(&mut texts.connections, name, file);
            }
        }
    }
    Ok(texts)
}

fn put(files: &mut BTreeMap<String, File>, name: String, file: File) {
    let file = beside(files.remove(&name), file);
    files.insert(name, file);
}

/// Two files of one name: neither of them is meant more than the other, so the first stands for both and does not run.
fn beside(first: Option<File>, file: File) -> File {
    match first {
        Some(first) => File { trouble: Some(Trouble::Twin(file.path)), ..first },
        None => file,
    }
}

fn yaml_files(folder: &Path) -> io::Result<Vec<(String, PathBuf)>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let Some(file) = path.file_name().and_then(|name| name.to_str()) else { continue };
        if is_ignored(file) || !path.is_file() {
            continue;
        }
        let name = file.strip_suffix(".yaml").or_else(|| file.strip_suffix(".yml"));
        if let Some(name) = name {
            found.push((name.to_owned(), path.clone()));
        }
    }
    found.sort();
    Ok(found)
}

fn is_ignored(file: &str) -> bool {
    file.starts_with(['.', '_']) || file.ends_with('~') || file.ends_with(".swp") || file.ends_with(".tmp")
}

/// `None` where the file has gone since the folder was read.
fn read_file(path: &Path) -> Option<File> {
    use std::io::Read as _;
    let mut bytes = Vec::new();
    let read = std::fs::File::open(path).and_then(|file| file.take(LARGEST).read_to_end(&mut bytes));
    match read {
        Ok(_) => Some(File::new(printed(path), bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => {
            let trouble = Some(Trouble::Unreadable(error.to_string()));
            Some(File { path: printed(path), bytes: Vec::new(), trouble })
        }
    }
}

/// A path as messages print it: without the leading `./`.
fn printed(path: &Path) -> String {
    let text = path.display().to_string();
    text.strip_prefix("./").map_or(text.clone(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_yaml_that_is_meant() {
        let folder = tempfile::tempdir().unwrap();
        for name in [
            "a.yaml",
            "b.yml",
            "_off.yaml",
            ".hidden.yaml",
            "c.yaml~",
            "d.yaml.swp",
            "notes.md",
            "settings.yaml",
        ] {
            std::fs::write(folder.path().join(name), "x: 1").unwrap();
        }
        std::fs::create_dir(folder.path().join("connections")).unwrap();
        std::fs::write(folder.path().join("connections/org.yaml"), "type: salesforce").unwrap();
        let texts = read(folder.path()).unwrap();
        assert_eq!(texts.pipelines.keys().collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(texts.connections.keys().collect::<Vec<_>>(), ["org"]);
        assert!(texts.settings.is_some());
    }
    #[test]
    fn a_file_that_cannot_be_read_is_alone_and_two_of_one_name_are_seen() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a.yaml"), "x: 1").unwrap();
        std::fs::write(folder.path().join("a.yml"), "x: 2").unwrap();
        std::fs::write(folder.path().join("b.yaml"), "x: 3").unwrap();
        // Even the superuser cannot read the memory of a process from its beginning.
        std::os::unix::fs::symlink("/proc/self/mem", folder.path().join("c.yaml")).unwrap();
        let texts = read(folder.path()).unwrap();
        assert!(
            matches!(&texts.pipelines["a"].trouble, Some(Trouble::Twin(other)) if other.ends_with("a.yml"))
        );
        assert_eq!(texts.pipelines["b"].trouble, None);
        assert!(matches!(&texts.pipelines["c"].trouble, Some(Trouble::Unreadable(_))));
    }
}
