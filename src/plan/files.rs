//! The files of a configuration folder as they were read. Files with errors are there too, so that others can refer to them.

use std::sync::Arc;

use jiff::Timestamp;

use crate::diag::{SourceId, SourceMap};
use crate::model::{ConnectionName, PipelineName};
use crate::spec::{ConnectionFile, Parsed, PipelineFile, Settings};

/// One file.
#[derive(Clone, Debug)]
pub struct FileOf<N, T> {
    /// Its name without the extension.
    pub name: N,
    /// The file.
    pub source: SourceId,
    /// What came of reading it; shared with other loads of the same text.
    pub parsed: Arc<Parsed<T>>,
    /// When this name was first loaded; `None` for a file that is new. Of two files that cannot both be right, the
    /// newer one gets the error.
    pub since: Option<Timestamp>,
}

impl<N, T> FileOf<N, T> {
    /// What the file says, as far as it could be read.
    pub fn value(&self) -> Option<&T> {
        self.parsed.value.as_ref()
    }
}

/// All files of a folder.
#[derive(Clone, Debug, Default)]
pub struct Files {
    /// Their texts and printed paths.
    pub map: SourceMap,
    /// `<name>.yaml`
    pub pipelines: Vec<FileOf<PipelineName, PipelineFile>>,
    /// `connections/<name>.yaml`
    pub connections: Vec<FileOf<ConnectionName, ConnectionFile>>,
    /// `settings.yaml`, where there is one.
    pub settings: Option<Parsed<Settings>>,
}

impl Files {
    /// A pipeline file by its name.
    pub fn pipeline(&self, name: &PipelineName) -> Option<&FileOf<PipelineName, PipelineFile>> {
        // Folders are read in order; sets that were put together otherwise are searched as they are.
        match self.pipelines.binary_search_by(|file| file.name.cmp(name)) {
            Ok(at) if at == 0 || self.pipelines[at - 1].name != *name => self.pipelines.get(at),
            _ => self.pipelines.iter().find(|file| file.name == *name),
        }
    }

    /// A connection file by its name.
    pub fn connection(&self, name: &ConnectionName) -> Option<&FileOf<ConnectionName, ConnectionFile>> {
        self.connections.iter().find(|file| file.name == *name)
    }

    /// `timezone` of the settings (default: UTC).
    pub fn timezone(&self) -> jiff::tz::TimeZone {
        let settings = self.settings.as_ref().and_then(|parsed| parsed.value.as_ref());
        let name = settings.map_or("UTC", Settings::timezone);
        jiff::tz::TimeZone::get(name).unwrap_or(jiff::tz::TimeZone::UTC)
    }

    /// The printed path of a file.
    pub(crate) fn path(&self, source: SourceId) -> &str {
        self.map.get(source).map_or("", |source| &source.path)
    }

    /// The printed path that a pipeline of this name would have, beside an existing one.
    pub(crate) fn path_beside(&self, source: SourceId, name: &str) -> String {
        let folder = self.path(source).rsplit_once('/').map_or("", |(folder, _)| folder);
        if folder.is_empty() { format!("{name}.yaml") } else { format!("{folder}/{name}.yaml") }
    }
}
