//! Deployments through the Metadata API (section 6): the archive with an outbound message and what sends it, the request that carries it, and
//! what came of it.

use std::io::{Cursor, Write as _};

use serde::Deserialize;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// Stands between the parts of a request; no archive of ours has it.
pub const BOUNDARY: &str = "----sfsync-5d1f0c7ab3e94f26";
/// The header that goes with it.
pub const CONTENT_TYPE: &str = "multipart/form-data; boundary=----sfsync-5d1f0c7ab3e94f26";

/// How an outbound message is sent on every change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sender {
    /// A record-triggered flow.
    Flow,
    /// A workflow rule, which is legacy and still works in many orgs.
    Rule,
}

/// A message that tells of an object.
#[derive(Clone, Copy)]
pub struct MessageSpec<'a> {
    /// The object.
    pub object: &'a str,
    /// Where it goes; holds a secret.
    pub endpoint: &'a str,
    /// Sign-in name of the user whose rights decide what is sent.
    pub user: &'a str,
    /// `66.0`
    pub version: &'a str,
}

/// The name of everything that is made for an object: no double underscore, and no longer than names of flows may be.
pub fn name_of(object: &str) -> String {
    let stem = object.replace("__", "_");
    let stem = stem.trim_matches('_').get(..60).unwrap_or(stem.trim_matches('_'));
    format!("Sfsync_{stem}")
}

/// The archive that makes a message and its sender.
pub fn creation(spec: &MessageSpec<'_>, sender: Sender) -> Result<Vec<u8>, String> {
    let (object, name) = (spec.object, name_of(spec.object));
    let message = ("WorkflowOutboundMessage", format!("{object}.{name}"));
    let with = match sender {
        Sender::Flow => ("Flow", name.clone()),
        Sender::Rule => ("WorkflowRule", format!("{object}.{name}")),
    };
    let mut files = vec![
        ("package.xml".to_owned(), manifest(&[message, with], Some(spec.version))),
        (format!("workflows/{object}.workflow"), workflow(spec, &name, sender)),
    ];
    if sender == Sender::Flow {
        files.push((format!("flows/{name}.flow"), flow(spec, &name)));
    }
    archive(&files)
}

/// The archive that takes components away: types and names.
pub fn removal(components: &[(&str, String)], version: &str) -> Result<Vec<u8>, String> {
    archive(&[
        ("package.xml".to_owned(), manifest(&[], Some(version))),
        ("destructiveChanges.xml".to_owned(), manifest(components, None)),
    ])
}

fn archive(files: &[(String, String)]) -> Result<Vec<u8>, String> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
    for (name, content) in files {
        zip.start_file(name.as_str(), options).map_err(|error| error.to_string())?;
        zip.write_all(content.as_bytes()).map_err(|error| error.to_string())?;
    }
    zip.finish().map(Cursor::into_inner).map_err(|error| error.to_string())
}

const DECLARATION: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
const NAMESPACE: &str = "xmlns=\"http://soap.sforce.com/2006/04/metadata\"";

fn manifest(components: &[(&str, String)], version: Option<&str>) -> String {
    let mut text = format!("{DECLARATION}<Package {NAMESPACE}>\n");
    for (kind, name) in components {
        text.push_str(&format!(
            "    <types><members>{}</members><name>{kind}</name></types>\n",
            escaped(name)
        ));
    }
    if let Some(version) = version {
        text.push_str(&format!("    <version>{}</version>\n", escaped(version)));
    }
    text + "</Package>\n"
}

/// The order of the elements is that of the schema; another one is refused.
fn workflow(spec: &MessageSpec<'_>, name: &str, sender: Sender) -> String {
    let rule = match sender {
        Sender::Flow => String::new(),
        Sender::Rule => format!(
            "    <rules>\n        <fullName>{name}</fullName>\n        <actions><name>{name}</name><type>OutboundMessage</type></actions>\n        \
             <active>true</active>\n        <description>Tells sfsync of every change.</description>\n        \
             <formula>NOT(ISBLANK(Id))</formula>\n        <triggerType>onAllChanges</triggerType>\n    </rules>\n"
        ),
    };
    format!(
        "{DECLARATION}<Workflow {NAMESPACE}>\n    <outboundMessages>\n        <fullName>{name}</fullName>\n        \
         <apiVersion>{}</apiVersion>\n        <description>Tells sfsync which record has changed.</description>\n        \
         <endpointUrl>{}</endpointUrl>\n        <fields>Id</fields>\n        <includeSessionId>false</includeSessionId>\n        \
         <integrationUser>{}</integrationUser>\n        <name>{name}</name>\n        <protected>false</protected>\n        \
         <useDeadLetterQueue>false</useDeadLetterQueue>\n    </outboundMessages>\n{rule}</Workflow>\n",
        escaped(spec.version),
        escaped(spec.endpoint),
        escaped(spec.user)
    )
}

fn flow(spec: &MessageSpec<'_>, name: &str) -> String {
    let (object, version) = (escaped(spec.object), escaped(spec.version));
    format!(
        "{DECLARATION}<Flow {NAMESPACE}>\n    <actionCalls>\n        <name>Send_Outbound_Message</name>\n        \
         <label>Send Outbound Message</label>\n        <locationX>176</locationX>\n        <locationY>287</locationY>\n        \
         <actionName>{object}.{name}</actionName>\n        <actionType>outboundMessage</actionType>\n        \
         <flowTransactionModel>CurrentTransaction</flowTransactionModel>\n        <nameSegment>{object}.{name}</nameSegment>\n    \
         </actionCalls>\n    <apiVersion>{version}</apiVersion>\n    <description>Tells sfsync of every change.</description>\n    \
         <environments>Default</environments>\n    <interviewLabel>{name} {{!$Flow.CurrentDateTime}}</interviewLabel>\n    \
         <label>{name}</label>\n    <processType>AutoLaunchedFlow</processType>\n    <start>\n        <locationX>50</locationX>\n        \
         <locationY>0</locationY>\n        <connector><targetReference>Send_Outbound_Message</targetReference></connector>\n        \
         <object>{object}</object>\n        <recordTriggerType>CreateAndUpdate</recordTriggerType>\n        \
         <triggerType>RecordAfterSave</triggerType>\n    </start>\n    <status>Active</status>\n</Flow>\n"
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// The body of the request that deploys an archive.
pub fn request(archive: &[u8]) -> Vec<u8> {
    const OPTIONS: &str = r#"{"deployOptions":{"allowMissingFiles":false,"autoUpdatePackage":false,"checkOnly":false,"ignoreWarnings":true,"performRetrieve":false,"purgeOnDelete":false,"rollbackOnError":true,"singlePackage":true}}"#;
    let head = format!(
        "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"json\"\r\nContent-Type: application/json\r\n\r\n{OPTIONS}\r\n\
         --{BOUNDARY}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"deploy.zip\"\r\nContent-Type: application/zip\r\n\r\n"
    );
    [head.as_bytes(), archive, format!("\r\n--{BOUNDARY}--\r\n").as_bytes()].concat()
}

/// A deployment as it stands.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Deployment {
    /// Its id.
    pub id: String,
    /// What came of it so far.
    pub deploy_result: DeployResult,
}

/// What came of a deployment.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DeployResult {
    /// Nothing more will happen.
    pub done: bool,
    /// All of it was done.
    pub success: bool,
    /// `Pending`, `InProgress`, `Succeeded`, `Failed`, …
    pub status: String,
    /// What is wrong with all of it.
    pub error_message: Option<String>,
    /// By component.
    pub details: Details,
}

/// What came of components.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Details {
    /// Those that failed, and those with a warning.
    pub component_failures: Vec<ComponentFailure>,
}

/// A component that was not deployed.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ComponentFailure {
    /// `Flow`
    pub component_type: String,
    /// Its name.
    pub full_name: String,
    /// Why, in the words of the org.
    pub problem: String,
    /// `Error` or `Warning`
    pub problem_type: String,
}

impl DeployResult {
    /// The components that failed.
    pub fn errors(&self) -> impl Iterator<Item = &ComponentFailure> {
        self.details.component_failures.iter().filter(|failure| failure.problem_type != "Warning")
    }

    /// Why, in one line.
    pub fn reason(&self) -> String {
        let each = self.errors().map(|failure| {
            let problem: String = failure.problem.chars().take(300).collect();
            format!("{} {}: {problem}", failure.component_type, failure.full_name)
        });
        let each: Vec<String> = each.chain(self.error_message.clone()).take(3).collect();
        if each.is_empty() { format!("it ended as {}", self.status) } else { each.join("; ") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPEC: MessageSpec<'_> = MessageSpec {
        object: "Big__Deal__c",
        endpoint: "https://sync.example.com/hooks/salesforce/outbound/a&b",
        user: "integration@example.com",
        version: "66.0",
    };

    fn files(archive: &[u8]) -> Vec<(String, String)> {
        let mut zip = zip::ZipArchive::new(Cursor::new(archive)).unwrap();
        let names: Vec<String> = zip.file_names().map(|name| name.unwrap().into_owned()).collect();
        let mut all = Vec::new();
        for name in names {
            let text = std::io::read_to_string(zip.by_name(&name).unwrap()).unwrap();
            all.push((name, text));
        }
        all.sort();
        all
    }

    #[test]
    fn names_have_no_double_underscore_and_an_end() {
        assert_eq!(name_of("Opportunity"), "Sfsync_Opportunity");
        assert_eq!(name_of("Deal__c"), "Sfsync_Deal_c");
        assert!(name_of(&"Very".repeat(40)).len() < 80);
    }

    #[test]
    fn an_archive_has_the_message_and_what_sends_it() {
        let flow = files(&creation(&SPEC, Sender::Flow).unwrap());
        let names: Vec<&str> = flow.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["flows/Sfsync_Big_Deal_c.flow", "package.xml", "workflows/Big__Deal__c.workflow"]);
        assert!(
            flow[1]
                .1
                .contains("<members>Big__Deal__c.Sfsync_Big_Deal_c</members><name>WorkflowOutboundMessage")
        );
        assert!(flow[2].1.contains("outbound/a&amp;b</endpointUrl>") && !flow[2].1.contains("<rules>"));
        let rule = files(&creation(&SPEC, Sender::Rule).unwrap());
        assert!(rule[1].1.contains("<triggerType>onAllChanges</triggerType>"));
        let gone = files(&removal(&[("Flow", "Sfsync_A-1".to_owned())], "66.0").unwrap());
        assert!(gone[0].1.contains("<members>Sfsync_A-1</members>") && !gone[0].1.contains("<version>"));
        assert!(gone[1].1.contains("<version>66.0</version>") && !gone[1].1.contains("<types>"));
    }

    #[test]
    fn a_failure_is_told_in_the_words_of_the_org() {
        let text = r#"{"id":"0Af","deployResult":{"done":true,"success":false,"status":"Failed","errorMessage":null,
            "details":{"componentFailures":[{"componentType":"Flow","fullName":"A","problem":"no","problemType":"Error"},
            {"componentType":"Flow","fullName":"B","problem":"old","problemType":"Warning"}]}}}"#;
        let deployment: Deployment = serde_json::from_str(text).unwrap();
        assert_eq!(deployment.deploy_result.reason(), "Flow A: no");
        assert_eq!(
            DeployResult { status: "Canceled".to_owned(), ..DeployResult::default() }.reason(),
            "it ended as Canceled"
        );
    }

    #[test]
    fn campaign_deployments() {
        let good = [
            br#"{"id":"0Af","deployResult":{"done":true,"success":false,"status":"Failed","errorMessage":"no","details":{"componentFailures":[{"componentType":"Flow","fullName":"A","problem":"no"}]}}}"#.to_vec(),
        ];
        crate::fuzz::campaign("answers about deployments", &good, |body| {
            let read: Result<Deployment, _> = serde_json::from_slice(body);
            read.is_ok_and(|deployment| !deployment.deploy_result.reason().is_empty())
        });
    }

    #[test]
    fn campaign_archives() {
        crate::fuzz::campaign("archives", &[b"Deal__c\0https://a/b\0a@b.c".to_vec()], |bytes| {
            let text = String::from_utf8_lossy(bytes);
            let mut parts = text.split('\0');
            let mut next = || parts.next().unwrap_or_default();
            let (object, endpoint, user) = (next(), next(), next());
            // Names of objects come from a plan; they are names.
            let object: String =
                object.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').take(80).collect();
            let spec = MessageSpec { object: &object, endpoint, user, version: "66.0" };
            let archive = creation(&spec, Sender::Flow).unwrap();
            let all = files(&archive);
            let workflow = &all.last().unwrap().1;
            // What was put in is what comes out, and nothing else is in the file.
            let escaped = escaped(endpoint);
            assert!(workflow.contains(&format!("<endpointUrl>{escaped}</endpointUrl>")), "{endpoint:?}");
            assert_eq!(workflow.matches("<outboundMessages>").count(), 1);
            all.len() == 3 && !object.is_empty()
        });
    }
}
