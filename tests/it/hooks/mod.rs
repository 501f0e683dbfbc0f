//! News at once over HTTP with a whole daemon behind its real listener: calls of the org and of an app, and what is set up in the org for them.

mod calls;
mod messages;
mod news;
mod rig;
