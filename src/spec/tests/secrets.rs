//! Secrets in connections.

use secrecy::{ExposeSecret, SecretString};

use super::File;
use crate::model::PipelineName;
use crate::spec::{ConnectionKind, SecretError, SecretSource, Template, check_secrets};

fn url(text: &str) -> Template {
    let (_, parsed) = File::connection(&format!("type: webhook\nurl: {text}\n"));
    assert_eq!(parsed.diagnostics, [], "{text}");
    match parsed.value.unwrap().kind {
        ConnectionKind::Webhook(webhook) => webhook.url.value,
        other => panic!("{other:?}"),
    }
}

fn resolver(source: &SecretSource) -> Result<SecretString, SecretError> {
    match source {
        SecretSource::Env(name) if name == "A" => Ok(SecretString::from("from env")),
        SecretSource::File(path) if path == "/run/a" => Ok(SecretString::from("from file\n")),
        _ => Err(SecretError::NotSet(source.clone())),
    }
}

#[test]
fn references_are_filled_in() {
    for (text, filled) in [
        ("https://x/${env:A}/y", "https://x/from env/y"),
        ("${file:/run/a}", "from file"),
        ("'${env:A}${file:/run/a}!'", "from envfrom file!"),
        ("a$${env:A}", "a${env:A}"),
        ("plain $x", "plain $x"),
    ] {
        let template = url(text);
        assert_eq!(template.resolve(&resolver).unwrap().expose_secret(), filled, "{text}");
        assert_eq!(template.plain().is_some(), template.secrets().count() == 0, "{text}");
    }
    let error = url("${env:B}").resolve(&resolver).unwrap_err();
    assert_eq!(error.to_string(), "${env:B} is not set");
}

#[test]
fn no_text_of_a_template_is_printed() {
    let (_, parsed) = File::connection("type: slack\nurl: https://hooks.example.com/T0/secret\n");
    assert_eq!(parsed.diagnostics[0].code.0, "W602");
    assert!(!parsed.has_errors());
    let debug = format!("{:?}", parsed.value.unwrap());
    assert!(!debug.contains("hooks.example.com/T0"), "{debug}");
}

#[test]
fn missing_secrets_are_told_with_who_waits() {
    let (file, parsed) = File::connection(
        "type: email\nsmtp: s\nfrom: a\nto: [b]\nuser: ${env:A}\npassword: ${env:MAIL_PASSWORD}\n",
    );
    let secrets = parsed.value.unwrap().secrets;
    let waiting = [PipelineName::from("clients"), PipelineName::from("people")];
    let found = check_secrets(&secrets, &resolver, &waiting);
    assert_eq!(file.marks(&found), [("E601", "${env:MAIL_PASSWORD}")]);
    assert_eq!(found[0].title, "secret MAIL_PASSWORD is not set");
    assert_eq!(found[0].notes, ["pipelines clients, people wait for it"]);
    assert_eq!(
        found[0].help,
        [
            "set it for the service (systemd: EnvironmentFile=), then: sfsync reload.  Or use ${file:/run/secrets/mail_password}"
        ]
    );
}

#[test]
fn pipelines_read_no_secrets() {
    let text = "salesforce: A\napp: w.a\nto_app: [create]\nfields:\n  - { app: a, to_app: '`${record.Name}`' }\n  - { app: b, const: \"x ${file:/etc/passwd}\" }\n";
    let (file, parsed) = File::pipeline(text);
    assert_eq!(file.marks(&parsed.diagnostics), [("E604", "${file:/etc/passwd}")]);
}
