//! Deployments: what they say about components, and that all of it is done or nothing.

use std::io::{Cursor, Write as _};

use reqwest::Method;
use serde_json::{Value, json};
use sfsync_sandbox::{MetadataSettings, SandboxConfig};
use zip::write::SimpleFileOptions;

use crate::rig::{Rig, config};

const MARK: &str = "----mark";
const OPTIONS: &str = r#"{"deployOptions":{"singlePackage":true,"rollbackOnError":true}}"#;

fn archive(files: &[(&str, &str)]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in files {
        zip.start_file(*name, SimpleFileOptions::default()).unwrap();
        zip.write_all(content.as_bytes()).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

async fn posted(rig: &Rig, archive: &[u8]) -> (u16, Value) {
    let head = format!(
        "--{MARK}\r\nContent-Disposition: form-data; name=\"json\"\r\n\r\n{OPTIONS}\r\n--{MARK}\r\n\
         Content-Disposition: form-data; name=\"file\"; filename=\"deploy.zip\"\r\n\r\n"
    );
    let body = [head.as_bytes(), archive, format!("\r\n--{MARK}--\r\n").as_bytes()].concat();
    let request = rig.request(Method::POST, "metadata/deployRequest").body(body);
    let request = request.header("content-type", format!("multipart/form-data; boundary={MARK}"));
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

/// What came of it: whether it succeeded, and the problems.
async fn deployed(rig: &Rig, archive: &[u8]) -> (bool, Vec<String>) {
    let (status, begun) = posted(rig, archive).await;
    assert_eq!((status, &begun["deployResult"]["status"]), (201, &json!("Pending")));
    let path = format!("metadata/deployRequest/{}?includeDetails=true", begun["id"].as_str().unwrap());
    let first = rig.get_json(&path).await;
    assert_eq!(first["deployResult"]["status"], json!("InProgress"));
    let result = rig.get_json(&path).await["deployResult"].clone();
    assert_eq!(result["done"], json!(true));
    let failures = result["details"]["componentFailures"].as_array().cloned().unwrap_or_default();
    let problems = failures.iter().map(|one| one["problem"].as_str().unwrap().to_owned());
    let problems = problems.chain(result["errorMessage"].as_str().map(str::to_owned)).collect();
    (result["success"] == json!(true), problems)
}

fn manifest(members: &[(&str, &str)], version: &str) -> String {
    let types = members
        .iter()
        .map(|(kind, name)| format!("<types><members>{name}</members><name>{kind}</name></types>"));
    format!(
        "<Package xmlns=\"http://soap.sforce.com/2006/04/metadata\">{}{version}</Package>",
        types.collect::<String>()
    )
}

fn workflow(user: &str) -> String {
    format!(
        "<Workflow><outboundMessages><fullName>M</fullName><apiVersion>66.0</apiVersion><endpointUrl>http://127.0.0.1:1/x</endpointUrl>\
         <fields>Id</fields><fields>Name</fields><includeSessionId>false</includeSessionId><integrationUser>{user}</integrationUser>\
         <name>M</name><protected>false</protected></outboundMessages></Workflow>"
    )
}

const FLOW: &str = "<Flow><actionCalls><name>S</name><actionName>Account.M</actionName><actionType>outboundMessage</actionType></actionCalls>\
    <start><object>Account</object><recordTriggerType>CreateAndUpdate</recordTriggerType><triggerType>RecordAfterSave</triggerType></start>\
    <status>Active</status></Flow>";
const VERSION: &str = "<version>66.0</version>";
const BOTH: [(&str, &str); 2] = [("WorkflowOutboundMessage", "Account.M"), ("Flow", "F")];

fn user(rig: &Rig) -> String {
    let org = rig.sandbox.org();
    org.users().into_iter().find(|user| user.id == org.integration_user()).unwrap().username
}

#[tokio::test]
async fn a_deployment_is_done_whole_or_not_at_all() {
    let rig = Rig::start().await;
    let (good, bad) = (workflow(&user(&rig)), workflow("nobody@example.com"));
    let package = manifest(&BOTH, VERSION);
    let all = |workflow: &str| {
        archive(&[
            ("package.xml", &package),
            ("workflows/Account.workflow", workflow),
            ("flows/F.flow", FLOW),
        ])
    };
    let wrong_order = good
        .replace("<fields>Id</fields>", "")
        .replace("<name>M</name>", "<name>M</name><fields>Id</fields>");
    for (files, problem) in [
        (all(&bad), "In field: integrationUser - no User named nobody@example.com found"),
        (
            all(&good.replace("Name<", "Nothing<")),
            "In field: fields - no CustomField named Account.Nothing found",
        ),
        (
            all(&wrong_order),
            "Element {http://soap.sforce.com/2006/04/metadata}fields invalid at this location in type WorkflowOutboundMessage",
        ),
        (archive(&[("flows/F.flow", FLOW)]), "No package.xml found"),
        (archive(&[("package.xml", "<Package/>")]), "package.xml: Required field is missing: version"),
        (
            archive(&[("package.xml", &package), ("workflows/Account.workflow", &good)]),
            "An object 'F' of type Flow was named in package.xml, but was not found in zipped directory",
        ),
        (b"PK no".to_vec(), "The zip file is invalid"),
        (archive(&[("../package.xml", &package)]), "Invalid file name: ../package.xml"),
    ] {
        let (success, problems) = deployed(&rig, &files).await;
        assert!(!success && problems.iter().any(|found| found == problem), "{problem}: {problems:?}");
        assert!(rig.sandbox.org().deployed().is_empty());
    }
    assert_eq!(deployed(&rig, &all(&good)).await, (true, vec![]));
    assert_eq!(rig.sandbox.org().deployed(), ["message Account.M", "flow F (active)"]);
    rig.add_accounts(3);
    assert_eq!(rig.sandbox.org().waiting_messages(), 3);
}

#[tokio::test]
async fn what_is_in_use_cannot_be_deleted() {
    let rig = Rig::start().await;
    let package = manifest(&BOTH, VERSION);
    let workflow = workflow(&user(&rig));
    let files = [
        ("package.xml", package.as_str()),
        ("workflows/Account.workflow", &workflow),
        ("flows/F.flow", FLOW),
    ];
    assert!(deployed(&rig, &archive(&files)).await.0);
    let empty = manifest(&[], VERSION);
    let delete = |members: &[(&str, &str)]| {
        archive(&[("package.xml", &empty), ("destructiveChanges.xml", &manifest(members, ""))])
    };
    let (success, problems) = deployed(&rig, &delete(&[BOTH[0]])).await;
    assert!(!success && problems[0].contains("in use"), "{problems:?}");
    let (success, problems) = deployed(&rig, &delete(&[("Flow", "F-1")])).await;
    assert!(!success && problems[0].contains("deactivate"), "{problems:?}");
    let found = rig
        .get_json("tooling/query?q=SELECT+Id,ActiveVersionId+FROM+FlowDefinition+WHERE+DeveloperName='F'")
        .await;
    let id = found["records"][0]["Id"].as_str().unwrap();
    let body = json!({ "Metadata": { "activeVersionNumber": 0 } });
    let path = format!("tooling/sobjects/FlowDefinition/{id}");
    assert_eq!(rig.json(Method::PATCH, &path, Some(body)).await.0, 204);
    let gone = deployed(&rig, &delete(&[("Flow", "F-1"), BOTH[0], ("WorkflowRule", "Account.None")])).await;
    assert_eq!(gone, (true, vec!["No WorkflowRule named: Account.None found".to_owned()]));
    assert!(rig.sandbox.org().deployed().is_empty());
}

#[tokio::test]
async fn who_may_not_deploy_is_told() {
    let metadata = MetadataSettings { permitted: false, ..MetadataSettings::default() };
    let rig = Rig::with(SandboxConfig { metadata, ..config() }).await;
    let (status, body) = posted(&rig, &archive(&[])).await;
    assert_eq!((status, &body[0]["errorCode"]), (403, &json!("INSUFFICIENT_ACCESS")));
}

#[tokio::test]
async fn an_installed_package_calls_where_its_setting_says() {
    let org = sfsync_sandbox::OrgConfig {
        customizations: vec![sfsync_sandbox::Customization::load("operating").unwrap()],
        ..sfsync_sandbox::OrgConfig::default()
    };
    let config = sfsync_sandbox::SandboxConfig { org, ..sfsync_sandbox::SandboxConfig::default() };
    let sandbox = sfsync_sandbox::Sandbox::start(config).await.unwrap();
    let put = |object: &str, fields: serde_json::Value| {
        sandbox.org().insert(object, crate::rig::fields(fields)).unwrap().to_string()
    };
    sandbox.install_package("Operating__Sync__c");
    put("Account", serde_json::json!({ "Name": "nobody hears of it" }));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}/hooks", listener.local_addr().unwrap());
    put("Operating__Sync__c", serde_json::json!({ "Url__c": address, "Token__c": "t0ken" }));
    let mut known = String::new();
    let id = put("Account", serde_json::json!({ "Name": "Acme" }));
    while !known.contains(&id) {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut text = String::new();
        while !text.ends_with('}') {
            let mut part = [0; 4096];
            let length = tokio::io::AsyncReadExt::read(&mut stream, &mut part).await.unwrap();
            text.push_str(std::str::from_utf8(&part[..length]).unwrap());
        }
        let answer = b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n";
        tokio::io::AsyncWriteExt::write_all(&mut stream, answer).await.unwrap();
        assert!(text.contains("Authorization: Bearer t0ken\r\n"), "{text}");
        known = text;
    }
    assert!(known.contains(r#""object":"Account""#), "{known}");
}
