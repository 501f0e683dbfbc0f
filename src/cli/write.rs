//! Writes a file of the configuration folder in full or not at all: a full disk must not cost the old text, and a daemon that watches
//! the folder must not read half a file.

use std::io::Write as _;
use std::path::Path;

use super::exit::Failure;
use crate::spec::grammar::{SCHEMAS, render_schema};

/// Writes the schemas for editors beside the files of a folder; those that are current stay.
pub(super) fn schemas(folder: &Path) -> Result<(), Failure> {
    let folder = folder.join("schemas");
    std::fs::create_dir_all(&folder).map_err(|error| {
        let help = "go to a folder that you may write";
        Failure::new(format!("cannot make {}: {error}", folder.display()), help)
    })?;
    for kind in SCHEMAS {
        let (path, text) =
            (folder.join(format!("{kind}.schema.json")), render_schema(kind).unwrap_or_default());
        if std::fs::read_to_string(&path).is_ok_and(|there| there == text) {
            continue;
        }
        whole(&path, &text)?;
    }
    Ok(())
}

/// Replaces a file, or begins it. A link stays a link: the file that it leads to is replaced.
pub(super) fn whole(path: &Path, text: &str) -> Result<(), Failure> {
    let failed = |error: std::io::Error| {
        let help = match error.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => {
                "free some space and run it again; the file is as it was"
            }
            std::io::ErrorKind::NotFound => "the folder has to be there; name it with --config",
            _ => "the file is as it was",
        };
        Failure::new(format!("cannot write {}: {error}", path.display()), help)
    };
    let target = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let mut name = std::ffi::OsString::from(".");
    name.push(target.file_name().unwrap_or_default());
    name.push(format!(".{}.tmp", std::process::id()));
    let beside = target.with_file_name(name);
    let written = replace(&beside, &target, text);
    if written.is_err() {
        // Half a file that nobody reads; when it cannot be removed either, the message above is the one that matters.
        let _ = std::fs::remove_file(&beside);
    }
    written.map_err(failed)
}

fn replace(beside: &Path, target: &Path, text: &str) -> std::io::Result<()> {
    let mut file = std::fs::File::create(beside)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    if let Ok(before) = target.metadata() {
        std::fs::set_permissions(beside, before.permissions())?;
    }
    std::fs::rename(beside, target)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_file_is_replaced_in_full_and_a_link_stays_one() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("a.yaml"), folder.path().join("b.yaml"));
        std::fs::write(&file, "old").unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).unwrap();
        std::os::unix::fs::symlink("a.yaml", &link).unwrap();
        whole(&link, "new").unwrap();
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "new");
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o640);
        assert!(link.symlink_metadata().unwrap().is_symlink());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2, "nothing stays behind");
    }

    #[test]
    fn a_full_disk_costs_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.yaml");
        std::fs::write(&file, "old").unwrap();
        // The place where the new text would be written first is taken by a device that is always full.
        let name = format!(".a.yaml.{}.tmp", std::process::id());
        std::os::unix::fs::symlink("/dev/full", folder.path().join(name)).unwrap();
        let told = whole(&file, "new").unwrap_err().text();
        assert!(told.contains("No space left") && told.contains("the file is as it was"), "{told}");
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "old");
    }
}
