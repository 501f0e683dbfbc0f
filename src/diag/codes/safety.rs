//! E5, E6, E9: safety, secrets and sign-in, and what cannot run yet.

family_pages! {
    "E501", "deletes need an upper limit", "`max_deletes` is the most one run may delete; a run that wants more stops before the first and asks.", "max_deletes: 50";
    "E502", "the connection is read-only", "The owner of the connection decided that no pipeline writes there.";
    "E503", "the field is protected", "The owner of the connection decided that no pipeline writes this field.";
    "E504", "the change needs a new generation", "Links were made with the old `match`, object, resource or connection and could now mean something else. Increase `generation` to drop them and link again; nothing is deleted.";
    "E505", "an inline test fails", "The version on disk is not taken over while one of its tests fails; the last good version keeps running. A test about a switch says with `with` how the switch stands, and holds when somebody turns it.", "tests: [{ name: owners are off, with: { groups: { owners: off } }, change: {}, expect: { op: none } }]";
    "E506", "`archive` does not say what it sets", "The side needs `archive:` with the fields and values that mark a record as archived.", "archive: { status: archived }";
    "E601", "a secret is not set", "The environment variable or file that the connection refers to is not there for the daemon.";
    "W602", "a secret is written in the file", "Everyone with access to the file can read it. Refer to it instead.", "token: ${env:TOKEN}";
    "E603", "the org is not of the kind the file says", "`environment` is compared with the org after sign-in, so that nobody connects production by mistake.";
    "E604", "secrets belong in connections/", "Pipelines cannot read secrets; put the header or parameter in the connection.";
    "E605", "neither an environment variable nor a file", "Secrets are written `${env:NAME}` or `${file:/path}`; `$${` is a literal `${`.", "token: ${env:TOKEN}";
    "E606", "secrets would be sent unencrypted", "Plain `http` is possible only to this machine.", "login_url: https://acme.my.salesforce.com";
}
