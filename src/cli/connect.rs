//! `sfsync connect` and `sfsync disconnect`.

use super::Context;
use super::exit::{Exit, Failure};
use crate::serve::SignInStarted;

/// A verb about one connection.
#[derive(Debug, clap::Args)]
pub(super) struct Named {
    /// The connection: the name of its file in connections/
    connection: String,
}

pub(super) async fn connect(args: Named, context: &Context) -> Result<Exit, Failure> {
    let path = ["api", "connections", &args.connection, "sign-in"];
    let started: SignInStarted = context.daemon().post(&path, &()).await?;
    context.screen.show(&started, || {
        format!("Open this address in a browser and sign in as the integration user:\n  {}", started.url)
    });
    Ok(Exit::Done)
}

/// Said plainly instead of doing half of it.
pub(super) fn disconnect(args: &Named) -> Failure {
    let help = format!(
        "this version creates nothing in Salesforce, so there is nothing to remove. Take away connections/{}.yaml and revoke its \
         access in Salesforce under Setup, Connected Apps OAuth Usage",
        args.connection
    );
    Failure::new("disconnect cannot run yet", help)
}
