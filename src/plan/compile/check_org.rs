//! E603: the org that was signed in to is of the kind that the file says.

use crate::diag::Diagnostic;
use crate::plan::catalog::OrgFacts;
use crate::spec::{ConnectionFile, ConnectionKind, Environment};

/// Compares `environment` with the org. Called after a sign-in and whenever plans are made.
pub fn check_org(connection: &ConnectionFile, facts: &OrgFacts) -> Option<Diagnostic> {
    let ConnectionKind::Salesforce(file) = &connection.kind else { return None };
    let is = if facts.is_sandbox { Environment::Sandbox } else { Environment::Production };
    let says = &file.environment;
    if says.value == is {
        return None;
    }
    let org = if facts.is_sandbox { "a sandbox" } else { "production" };
    let title = format!("the org is {org}, but `environment` says {}", says.value);
    let signed_in = format!(
        "signed in to {} \"{}\", Organization.IsSandbox = {}",
        facts.id, facts.name, facts.is_sandbox
    );
    let help = format!("environment: {is}, or sign in to the other org: sfsync connect {}", connection.name);
    Some(Diagnostic::error("E603", title, says.span, "").note(signed_in).help(help))
}
