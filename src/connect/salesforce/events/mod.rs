//! Change events of an org, as they happen: the Pub/Sub API (gRPC), Avro by the schema of the writer, bitmaps.
//!
//! An event is a sign that a record changed and where the stream has got to; what the record holds is read as always. So nothing here
//! has to know a field of a pipeline. Read [`EventStream`] and [`Event`] first.

mod avro;
mod bitmap;
mod channel;
mod event;
mod fault;
mod proto;
mod rpc;
mod stream;

pub use channel::{ChannelSpec, Outlook, Prepared, outlook, prepare, remove};
pub use event::{Event, EventKind};
pub use fault::{Fault, fault_of};
pub use stream::{EventBatch, EventStream};
