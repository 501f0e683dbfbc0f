//! News at once over HTTP with a whole daemon behind its real listener: calls of the org and of an app.

mod calls;
mod rig;
