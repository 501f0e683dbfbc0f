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
}

/// Reads a folder. Files that begin with `.` or `_`, or end in `~`, `.swp`, `.tmp`, are ignored.
pub fn read(folder: &Path) -> io::Result<Texts> {
    let mut texts = Texts::default();
    for (name, path) in yaml_files(folder)? {
        let file = read_file(&path)?;
        if name == "settings" {
            texts.settings = Some(file);
        } else {
            texts.pipelines.insert(name, file);
        }
    }
    let connections = folder.join("connections");
    if connections.is_dir() {
        for (name, path) in yaml_files(&connections)? {
            texts.connections.insert(name, read_file(&path)?);
        }
    }
    Ok(texts)
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

fn read_file(path: &Path) -> io::Result<File> {
    use std::io::Read as _;
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(LARGEST).read_to_end(&mut bytes)?;
    Ok(File { path: printed(path), bytes })
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
}
