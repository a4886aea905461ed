//! An error with its causes in one line, for the log and for errors that only keep text.

use std::error::Error;

/// The text of `error` and of each [`source`](Error::source) below it, joined by `: `.
pub fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use std::io;

    use thiserror::Error;

    use super::*;

    #[derive(Debug, Error)]
    #[error("the call failed")]
    struct Call(#[source] io::Error);

    #[test]
    fn causes_follow_the_error() {
        let error = Call(io::Error::other("the socket is gone"));
        assert_eq!(with_causes(&error), "the call failed: the socket is gone");
        assert_eq!(with_causes(&io::Error::other("alone")), "alone");
    }
}
