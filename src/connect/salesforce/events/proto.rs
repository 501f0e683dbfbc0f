//! The few messages of `eventbus.v1` that a reader of events needs, read and written by hand: no generated code, no copy of a payload.
//! Read [`FetchResponse`] first.

use bytes::{Buf, BufMut, Bytes, BytesMut};

/// Not a message: a length beyond its end, a number without an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a message of the event bus cannot be read")]
pub(super) struct Malformed;

/// What a field holds, as far as anybody asks for it.
enum Content {
    Number(u64),
    Bytes(Bytes),
}

/// Reads one field after the other; unknown kinds are passed over.
fn each(
    mut message: Bytes,
    mut take: impl FnMut(u64, Content) -> Result<(), Malformed>,
) -> Result<(), Malformed> {
    while message.has_remaining() {
        let tag = varint(&mut message)?;
        let content = match tag & 7 {
            0 => Content::Number(varint(&mut message)?),
            1 => Content::Bytes(split(&mut message, 8)?),
            2 => {
                let length = varint(&mut message)?;
                Content::Bytes(split(&mut message, usize::try_from(length).map_err(|_| Malformed)?)?)
            }
            5 => Content::Bytes(split(&mut message, 4)?),
            _ => return Err(Malformed),
        };
        take(tag >> 3, content)?;
    }
    Ok(())
}

fn split(message: &mut Bytes, length: usize) -> Result<Bytes, Malformed> {
    if length > message.len() { Err(Malformed) } else { Ok(message.split_to(length)) }
}

fn varint(message: &mut Bytes) -> Result<u64, Malformed> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let byte = message.try_get_u8().map_err(|_| Malformed)?;
        value |= u64::from(byte & 0x7F) << shift;
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(Malformed)
}

fn text(bytes: &Bytes) -> Result<String, Malformed> {
    std::str::from_utf8(bytes).map(str::to_owned).map_err(|_| Malformed)
}

fn put_varint(mut value: u64, out: &mut BytesMut) {
    while value >= 0x80 {
        out.put_u8(u8::try_from(value & 0x7F).unwrap_or_default() | 0x80);
        value >>= 7;
    }
    out.put_u8(u8::try_from(value).unwrap_or_default());
}

fn put_bytes(field: u64, value: &[u8], out: &mut BytesMut) {
    if !value.is_empty() {
        put_varint(field << 3 | 2, out);
        put_varint(value.len() as u64, out);
        out.put_slice(value);
    }
}

fn put_number(field: u64, value: u64, out: &mut BytesMut) {
    if value != 0 {
        put_varint(field << 3, out);
        put_varint(value, out);
    }
}

/// `TopicRequest` and `SchemaRequest` have one text.
pub(super) fn one_text(value: &str) -> Bytes {
    let mut out = BytesMut::new();
    put_bytes(1, value.as_bytes(), &mut out);
    out.freeze()
}

/// Where a subscription begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Start {
    /// With what happens from now on.
    Latest,
    /// Behind this position.
    After(Bytes),
}

/// `FetchRequest`: the first of a stream names topic and start, the others only ask for more.
pub(super) fn fetch_request(first: Option<(&str, &Start)>, count: u32) -> Bytes {
    let mut out = BytesMut::new();
    if let Some((topic, start)) = first {
        put_bytes(1, topic.as_bytes(), &mut out);
        if let Start::After(replay_id) = start {
            put_number(2, 2, &mut out);
            put_bytes(3, replay_id, &mut out);
        }
    }
    put_number(4, u64::from(count), &mut out);
    out.freeze()
}

/// `SchemaInfo`: the text of the schema.
pub(super) fn schema_json(message: Bytes) -> Result<String, Malformed> {
    let mut json = String::new();
    each(message, |field, content| {
        if let (1, Content::Bytes(bytes)) = (field, content) {
            json = text(&bytes)?;
        }
        Ok(())
    })?;
    Ok(json)
}

/// One event as it came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Consumed {
    /// Its own id.
    pub(super) id: String,
    /// By which schema it was written.
    pub(super) schema_id: String,
    /// The Avro datum.
    pub(super) payload: Bytes,
    /// Its position.
    pub(super) replay_id: Bytes,
}

impl Consumed {
    fn read(message: Bytes) -> Result<Self, Malformed> {
        let mut event = Self::default();
        each(message, |field, content| {
            match (field, content) {
                (1, Content::Bytes(produced)) => each(produced, |field, content| {
                    match (field, content) {
                        (1, Content::Bytes(id)) => event.id = text(&id)?,
                        (2, Content::Bytes(id)) => event.schema_id = text(&id)?,
                        (3, Content::Bytes(payload)) => event.payload = payload,
                        _ => {}
                    }
                    Ok(())
                })?,
                (2, Content::Bytes(id)) => event.replay_id = id,
                _ => {}
            }
            Ok(())
        })?;
        Ok(event)
    }
}

/// `FetchResponse`: events, or none to say that the stream lives.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct FetchResponse {
    /// The events.
    pub(super) events: Vec<Consumed>,
    /// The newest position of the subscription.
    pub(super) latest: Bytes,
    /// How many events may still come.
    pub(super) pending: u64,
}

impl FetchResponse {
    /// Reads one.
    pub(super) fn read(message: Bytes) -> Result<Self, Malformed> {
        let mut response = Self::default();
        each(message, |field, content| {
            match (field, content) {
                (1, Content::Bytes(event)) => response.events.push(Consumed::read(event)?),
                (2, Content::Bytes(id)) => response.latest = id,
                (4, Content::Number(pending)) => response.pending = pending,
                _ => {}
            }
            Ok(())
        })?;
        Ok(response)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn requests_as_they_stand_on_the_wire() {
        let first = fetch_request(Some(("/data/X", &Start::After(Bytes::from_static(&[0, 1])))), 100);
        assert_eq!(first, b"\x0a\x07/data/X\x10\x02\x1a\x02\x00\x01\x20\x64".as_slice());
        assert_eq!(fetch_request(None, 300), b"\x20\xac\x02".as_slice());
        assert_eq!(
            fetch_request(Some(("/data/X", &Start::Latest)), 1),
            b"\x0a\x07/data/X\x20\x01".as_slice()
        );
    }

    #[test]
    fn a_response_is_read() {
        // One event { event { id "e", schema_id "s", payload 01 }, replay_id 09 }, latest 09, rpc_id "r", pending 7
        let wire = b"\x0a\x0e\x0a\x09\x0a\x01e\x12\x01s\x1a\x01\x01\x12\x01\x09\x12\x01\x09\x1a\x01r\x20\x07";
        let response = FetchResponse::read(Bytes::from_static(wire)).unwrap();
        assert_eq!((response.pending, response.latest.as_ref()), (7, [9].as_slice()));
        let event = Consumed {
            id: "e".into(),
            schema_id: "s".into(),
            payload: Bytes::from_static(&[1]),
            replay_id: Bytes::from_static(&[9]),
        };
        assert_eq!(response.events, [event]);
        assert_eq!(FetchResponse::read(Bytes::from_static(&wire[..9])), Err(Malformed));
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic(wire in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = FetchResponse::read(wire.clone().into());
            let _ = schema_json(wire.into());
        }
    }
}
