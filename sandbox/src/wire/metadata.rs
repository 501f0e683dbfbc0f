//! `/metadata/deployRequest`: an archive comes in, is unpacked within bounds, deployed, and asked about until it is done.
//! May not know what components are. Read [`create`] first.

use std::collections::BTreeMap;
use std::io::{Cursor, Read as _};
use std::sync::{Mutex, PoisonError};

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::multipart;
use super::reply::Reply;
use super::request::{WireRequest, api_datetime};
use super::resources::Exchange;
use crate::org::metadata::{Package, Told};
use crate::org::{ApiError, Id};

/// Files of an archive.
const FILES: usize = 10_000;
/// Bytes of an archive: 39 MB.
const PACKED: usize = 39 << 20;
/// Bytes that are unpacked of it here; an org takes 600 MB.
const UNPACKED: u64 = 64 << 20;

/// What was deployed, newest last.
#[derive(Default)]
pub(crate) struct Deployments(Mutex<Vec<Deployment>>);

struct Deployment {
    id: Id,
    at: String,
    options: Map<String, Value>,
    told: Vec<Told>,
    /// What is wrong with all of it.
    error: Option<String>,
    polls: u32,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Asked {
    deploy_options: Map<String, Value>,
}

impl Deployments {
    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Deployment>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `POST /metadata/deployRequest`
pub(crate) fn create(exchange: &Exchange, request: &WireRequest) -> Result<Reply, ApiError> {
    let settings = exchange.server.config.metadata;
    if !settings.permitted {
        let message = "insufficient access rights on cross-reference id";
        return Err(ApiError { status: 403, ..ApiError::request("INSUFFICIENT_ACCESS", message) });
    }
    let (options, archive) = asked(request)?;
    let flag = |name: &str| options.get(name).and_then(Value::as_bool).unwrap_or(false);
    if !flag("singlePackage") || !flag("rollbackOnError") {
        let message = "only singlePackage with rollbackOnError is simulated";
        return Err(ApiError::request("INVALID_TYPE", message));
    }
    let read = unpacked(&archive).and_then(|files| Package::read(&files));
    let (told, error) = match read {
        Ok(package) if package.is_empty() => (Vec::new(), None),
        Ok(package) => (exchange.server.org.deploy(&package, settings.flows, settings.rules), None),
        Err(error) => (Vec::new(), Some(error)),
    };
    let mut all = exchange.server.deployments.lock();
    let id = Id::assemble(*b"0Af", *b"Hq", 0, all.len() as u64 + 1);
    let at = api_datetime(exchange.server.now());
    let deployment = Deployment { id, at, options, told, error, polls: settings.polls };
    let result = json!({ "id": id.to_string(), "success": false, "checkOnly": false, "ignoreWarnings": false,
        "rollbackOnError": true, "status": "Pending", "runTestsEnabled": false, "done": false });
    let body = json!({ "id": id.to_string(), "deployOptions": deployment.options, "deployResult": result });
    all.push(deployment);
    Ok(Reply::json(201, &body))
}

fn asked(request: &WireRequest) -> Result<(Map<String, Value>, Vec<u8>), ApiError> {
    let parts = multipart::parts(request)?.ok_or_else(|| {
        let message = "Content-Type header specified in HTTP request is not supported";
        ApiError { status: 415, ..ApiError::request("UNSUPPORTED_MEDIA_TYPE", message) }
    })?;
    let (mut options, mut archive) = (None, None);
    for (name, content) in parts {
        match name.as_str() {
            "json" | "entity_content" => {
                let asked: Asked = serde_json::from_slice(&content)
                    .map_err(|error| ApiError::request("JSON_PARSER_ERROR", error.to_string()))?;
                options = Some(asked.deploy_options);
            }
            "file" => archive = Some(content.to_vec()),
            _ => {}
        }
    }
    options
        .zip(archive)
        .ok_or_else(|| ApiError::request("INVALID_MULTIPART_REQUEST", "Missing part: json or file"))
}

/// The files of an archive, within bounds.
fn unpacked(archive: &[u8]) -> Result<BTreeMap<String, Vec<u8>>, String> {
    if archive.len() > PACKED {
        return Err("The zip file is larger than 39 MB".to_owned());
    }
    let broken = |_| "The zip file is invalid".to_owned();
    let mut zip = zip::ZipArchive::new(Cursor::new(archive)).map_err(broken)?;
    if zip.len() > FILES {
        return Err("The zip file has more than 10,000 files".to_owned());
    }
    let mut files = BTreeMap::new();
    let mut left = UNPACKED;
    for at in 0..zip.len() {
        let file = zip.by_index(at).map_err(broken)?;
        let name = file.name().map_err(broken)?.into_owned();
        if file.is_dir() {
            continue;
        }
        if name.starts_with('/') || name.split('/').any(|part| part == "..") {
            return Err(format!("Invalid file name: {name}"));
        }
        let mut content = Vec::new();
        let read = file
            .take(left + 1)
            .read_to_end(&mut content)
            .map_err(|_| "The zip file is invalid".to_owned())?;
        left = left.checked_sub(read as u64).ok_or("The unzipped files are too large")?;
        files.insert(name, content);
    }
    Ok(files)
}

/// `GET /metadata/deployRequest/{id}`
pub(crate) fn status(exchange: &Exchange, id: &str, request: &WireRequest) -> Result<Reply, ApiError> {
    let id = Id::parse(id)?;
    let mut all = exchange.server.deployments.lock();
    let deployment = all.iter_mut().find(|one| one.id == id).ok_or_else(ApiError::not_found)?;
    let done = deployment.polls == 0;
    deployment.polls = deployment.polls.saturating_sub(1);
    let failed: Vec<&Told> =
        deployment.told.iter().filter(|one| matches!(one.problem, Some((_, false)))).collect();
    let success = failed.is_empty() && deployment.error.is_none();
    let mut result = json!({
        "id": id.to_string(), "checkOnly": false, "done": done, "success": done && success,
        "status": if !done { "InProgress" } else if success { "Succeeded" } else { "Failed" },
        "ignoreWarnings": false, "rollbackOnError": true, "runTestsEnabled": false,
        "numberComponentsDeployed": if success { deployment.told.len() } else { 0 },
        "numberComponentsTotal": deployment.told.len(), "numberComponentErrors": failed.len(),
        "numberTestsCompleted": 0, "numberTestsTotal": 0, "numberTestErrors": 0,
        "createdDate": deployment.at, "startDate": deployment.at, "lastModifiedDate": deployment.at,
        "errorStatusCode": deployment.error.as_ref().map(|_| "UNKNOWN_EXCEPTION"), "errorMessage": deployment.error,
        "stateDetail": null,
    });
    if done {
        result["completedDate"] = deployment.at.clone().into();
    }
    if done && request.query.get("includeDetails") == Some("true") {
        let (good, bad): (Vec<&Told>, Vec<&Told>) =
            deployment.told.iter().partition(|one| one.problem.is_none());
        let each =
            |told: Vec<&Told>| told.into_iter().map(|one| component(one, &deployment.at)).collect::<Vec<_>>();
        result["details"] = json!({ "componentSuccesses": each(good), "componentFailures": each(bad), "retrieveResult": null,
            "runTestResult": { "numTestsRun": 0, "numFailures": 0, "totalTime": 0.0, "successes": [], "failures": [],
                "codeCoverage": [], "codeCoverageWarnings": [] } });
    }
    let body = json!({ "id": id.to_string(), "validatedDeployRequestId": null, "deployResult": result,
        "deployOptions": deployment.options });
    Ok(Reply::json(200, &body))
}

fn component(told: &Told, at: &str) -> Value {
    let mut out = json!({
        "changed": told.problem.is_none(), "componentType": told.kind, "created": told.created, "createdDate": at,
        "deleted": told.deleted, "fileName": told.file, "fullName": told.name, "id": told.id,
        "success": told.problem.is_none(),
    });
    if let Some((problem, is_warning)) = &told.problem {
        out["problem"] = problem.clone().into();
        out["problemType"] = (if *is_warning { "Warning" } else { "Error" }).into();
    }
    out
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use proptest::prelude::*;

    use super::*;

    fn archive(content: &[u8]) -> Vec<u8> {
        let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
        zip.start_file("package.xml", zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(content).unwrap();
        zip.finish().unwrap().into_inner()
    }

    #[test]
    fn an_archive_that_grows_without_end_is_refused() {
        let zeros = archive(&vec![0; usize::try_from(UNPACKED).unwrap() + 1]);
        assert!(zeros.len() < 1 << 20);
        assert_eq!(unpacked(&zeros).unwrap_err(), "The unzipped files are too large");
    }

    proptest! {
        #[test]
        fn no_broken_archive_makes_it_panic(changes in proptest::collection::vec((any::<u16>(), any::<u8>()), 1..8), cut in 0usize..400) {
            let mut bytes = archive(b"<Package><types><members>A.B</members><name>Flow</name></types><version>66.0</version></Package>");
            for (at, to) in changes {
                let at = usize::from(at) % bytes.len();
                bytes[at] = to;
            }
            bytes.truncate(bytes.len() - cut % 40);
            if let Ok(files) = unpacked(&bytes) {
                let _ = Package::read(&files);
            }
        }
    }
}
