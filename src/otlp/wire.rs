//! The format of the messages of OTLP, Protocol Buffers. Messages are written field by field into one buffer, because values
//! built in between would cost more than all the rest of a trace.

use bytes::Bytes;
use prost::Message as _;

/// How the value of a field is written.
#[derive(Clone, Copy)]
enum Form {
    Varint = 0,
    Eight = 1,
    Lengthy = 2,
}

/// A message that is written. Fields are named by their numbers.
#[derive(Debug, Default)]
pub(super) struct Message(Vec<u8>);

impl Message {
    /// Adds an integer of as many bytes as it needs.
    pub(super) fn number(&mut self, field: u32, value: u64) {
        self.key(field, Form::Varint);
        self.varint(value);
    }

    /// Adds an integer of eight bytes (`fixed64`).
    pub(super) fn fixed(&mut self, field: u32, value: u64) {
        self.key(field, Form::Eight);
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    /// Adds bytes, with their number before them.
    pub(super) fn bytes(&mut self, field: u32, value: &[u8]) {
        self.message(field, |inner| inner.0.extend_from_slice(value));
    }

    /// Adds a text of several parts.
    pub(super) fn text(&mut self, field: u32, parts: &[&str]) {
        self.message(field, |inner| {
            parts.iter().for_each(|part| inner.0.extend_from_slice(part.as_bytes()));
        });
    }

    /// Adds a message that `write` fills.
    pub(super) fn message(&mut self, field: u32, write: impl FnOnce(&mut Self)) {
        self.key(field, Form::Lengthy);
        let begin = self.0.len();
        write(self);
        // The length is known only now, and stands before the content.
        let end = self.0.len();
        self.varint((end - begin) as u64);
        let length = self.0.len() - end;
        self.0[begin..].rotate_right(length);
    }

    fn key(&mut self, field: u32, form: Form) {
        self.varint(u64::from(field << 3 | form as u32));
    }

    /// Seven bits for each byte, the lowest first. The highest bit says that more follow.
    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }
}

impl From<Message> for Bytes {
    fn from(message: Message) -> Self {
        message.0.into()
    }
}

/// How many spans the collector refused, by its answer: `partial_success.rejected_spans` of an `ExportTraceServiceResponse`.
pub(super) fn refused(answer: &[u8]) -> u64 {
    let partial = ExportResponse::decode(answer).ok().and_then(|answer| answer.partial_success);
    partial.map_or(0, |partial| u64::try_from(partial.rejected_spans).unwrap_or_default())
}

#[derive(Clone, PartialEq, prost::Message)]
struct ExportResponse {
    #[prost(message, optional, tag = "1")]
    partial_success: Option<PartialSuccess>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct PartialSuccess {
    #[prost(int64, tag = "1")]
    rejected_spans: i64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_and_numbers_of_any_size_are_written_as_they_are_read() {
        #[derive(PartialEq, prost::Message)]
        struct Inner {
            #[prost(uint64, tag = "1")]
            number: u64,
            #[prost(bytes = "vec", tag = "15")]
            bytes: Vec<u8>,
            #[prost(fixed64, tag = "16")]
            fixed: u64,
        }
        #[derive(PartialEq, prost::Message)]
        struct Outer {
            #[prost(message, repeated, tag = "2")]
            inner: Vec<Inner>,
            #[prost(string, tag = "3")]
            text: String,
        }
        let sizes = [0, 1, 127, 128, 16_383, 16_384, 3_000_000];
        let mut message = Message::default();
        for size in sizes {
            message.message(2, |inner| {
                inner.number(1, size as u64);
                inner.bytes(15, &vec![7; size]);
                inner.fixed(16, u64::MAX - size as u64);
            });
        }
        message.message(2, |inner| inner.number(1, u64::MAX));
        message.text(3, &["one", "", " two"]);
        let outer = Outer::decode(Bytes::from(message)).unwrap();
        assert_eq!((outer.text.as_str(), outer.inner.len()), ("one two", sizes.len() + 1));
        for (inner, size) in outer.inner.iter().zip(sizes) {
            assert_eq!((inner.number, inner.bytes.len()), (size as u64, size));
            assert_eq!(inner.fixed, u64::MAX - size as u64);
        }
        assert_eq!(outer.inner[sizes.len()].number, u64::MAX);
    }

    #[test]
    fn refused_spans_are_counted_by_any_answer() {
        let answer = |rejected_spans| {
            let partial_success = Some(PartialSuccess { rejected_spans });
            ExportResponse { partial_success }.encode_to_vec()
        };
        assert_eq!((refused(&answer(3)), refused(&answer(-1))), (3, 0));
        assert_eq!((refused(b""), refused(b"{\"partialSuccess\":{}}")), (0, 0));
    }
}
