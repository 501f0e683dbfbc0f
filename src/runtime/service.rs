//! What a process needs before a supervisor or a workbench: the settings of the folder with their secrets, and the state opened.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use secrecy::{ExposeSecret as _, SecretString};

use super::clock::SystemClock;
use super::folder::{self, Texts};
use super::load;
use super::world::{Secrets, World};
use crate::connect::ConnectError;
use crate::diag::{self, Diagnostic, SourceId};
use crate::spec::{Entry, LogLevel, Parsed, Settings, Template};
use crate::store::{Store, StoreError, StoreKey};

/// What `settings.yaml` says about the process itself; it is read once, at the start.
#[derive(Clone, Debug)]
pub struct ServiceSettings {
    /// `listen`
    pub listen: String,
    /// `public_url`
    pub public_url: Option<String>,
    /// `admin_token`
    pub admin_token: Option<SecretString>,
    /// `state`
    pub state: PathBuf,
    /// `log`
    pub log: LogLevel,
}

/// Settings that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The folder cannot be read.
    #[error("the configuration folder {} cannot be read", folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file has errors; the text shows them.
    #[error("{0}")]
    Broken(String),
    /// A secret is not set.
    #[error("settings.yaml: {}", .0.message)]
    Secret(ConnectError),
}

impl ServiceSettings {
    /// Reads `settings.yaml` of a folder; a folder without one has the defaults of section 3.3 of the language.
    pub fn read(folder: &Path, secrets: Arc<dyn Secrets>) -> Result<Self, SettingsError> {
        let failed = |source| SettingsError::Folder { folder: folder.to_owned(), source };
        let texts = folder::read(folder).map_err(failed)?;
        let files = load::parse(&Texts { settings: texts.settings, ..Texts::default() }, |_| None);
        match &files.settings {
            None => Self::resolve(&Settings::empty(SourceId(0)), secrets),
            Some(Parsed { value: Some(settings), diagnostics })
                if !diagnostics.iter().any(Diagnostic::is_error) =>
            {
                Self::resolve(settings, secrets).map(|settings| settings.begun_in(folder))
            }
            Some(parsed) => {
                Err(SettingsError::Broken(diag::all_to_text(&parsed.diagnostics, &files.map, false)))
            }
        }
    }

    /// A state that is not absolute begins at the folder, wherever the command stands: another state would know no links and make every
    /// record once more.
    fn begun_in(mut self, folder: &Path) -> Self {
        if folder != Path::new(".") {
            self.state = folder.join(self.state);
        }
        self
    }

    fn resolve(settings: &Settings, secrets: Arc<dyn Secrets>) -> Result<Self, SettingsError> {
        let world = World::new(Arc::new(SystemClock), secrets, None);
        let secret = |entry: Option<&Entry<Template>>| {
            entry.map(|entry| world.secret(&entry.value)).transpose().map_err(SettingsError::Secret)
        };
        let text = |entry: Option<&Entry<Template>>, default: &str| {
            Ok(secret(entry)?.map_or_else(|| default.to_owned(), |text| text.expose_secret().to_owned()))
        };
        Ok(Self {
            listen: text(settings.listen.as_ref(), Settings::LISTEN)?,
            public_url: secret(settings.public_url.as_ref())?.map(|url| url.expose_secret().to_owned()),
            admin_token: secret(settings.admin_token.as_ref())?,
            state: PathBuf::from(text(settings.state.as_ref(), Settings::STATE)?),
            log: settings.log(),
        })
    }
}

/// A state, or why there is none.
pub type StateOpened = Result<Arc<Store>, StoreError>;

/// Opens the state in a folder, or begins one. Its key comes from `SFSYNC_STATE_KEY`, or from the file `key` beside it.
pub fn open_state(folder: &Path) -> StateOpened {
    let key = StoreKey::from_environment(std::env::var("SFSYNC_STATE_KEY").ok());
    Store::open(folder, &key).map(Arc::new)
}

/// Whether a state was begun in a folder.
pub fn is_begun(folder: &Path) -> bool {
    Store::is_begun(folder)
}

/// The state in a folder for whoever only looks: where none was begun yet, one in memory that is gone with its owner.
pub fn state_to_look_at(folder: &Path) -> StateOpened {
    if Store::is_begun(folder) { open_state(folder) } else { Store::passing().map(Arc::new) }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct One;
    impl Secrets for One {
        fn get(&self, source: &crate::spec::SecretSource) -> Option<String> {
            (source.to_string() == "${env:TOKEN}").then(|| "geheim".to_owned())
        }
    }

    fn read(text: &str) -> Result<ServiceSettings, SettingsError> {
        let folder = tempfile::tempdir().unwrap();
        if !text.is_empty() {
            std::fs::write(folder.path().join("settings.yaml"), text).unwrap();
        }
        ServiceSettings::read(folder.path(), Arc::new(One))
    }

    #[test]
    fn a_relative_state_begins_at_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        let state = |text: &str| {
            std::fs::write(folder.path().join("settings.yaml"), text).unwrap();
            ServiceSettings::read(folder.path(), Arc::new(One)).unwrap().state
        };
        assert_eq!(state("state: links/state\n"), folder.path().join("links/state"));
        assert_eq!(state("state: /var/lib/links\n"), PathBuf::from("/var/lib/links"));
    }

    #[test]
    fn defaults_values_and_what_is_wrong() {
        let settings = read("").unwrap();
        assert_eq!(settings.listen, "127.0.0.1:8480");
        assert_eq!(settings.state, PathBuf::from("/var/lib/sfsync"));
        assert!(settings.admin_token.is_none());
        let settings = read("listen: 127.0.0.1:9000\nadmin_token: ${env:TOKEN}\nlog: debug\n").unwrap();
        assert_eq!(settings.listen, "127.0.0.1:9000");
        assert_eq!(settings.log, LogLevel::Debug);
        assert_eq!(settings.admin_token.unwrap().expose_secret(), "geheim");
        let error = read("admin_token: ${env:MISSING}\n").unwrap_err().to_string();
        assert_eq!(error, "settings.yaml: secret ${env:MISSING} is not set");
        let error = read("lisen: 127.0.0.1:9000\n").unwrap_err().to_string();
        assert!(error.contains("lisen") && error.contains("listen"), "{error}");
    }
}
