//! Request paths of the distribution API.
#![no_main]

use af_registry::oci::{Path, PathError};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    match Path::parse(text) {
        Ok(path) => {
            let written = path.to_string();
            assert_eq!(Path::parse(&written), Ok(path.clone()));
            // `/v2` and `…/blobs/uploads` gain a slash, `%3A` loses two bytes.
            assert!(written.len() <= text.len() + 1);
            assert!(written.bytes().all(|b| b.is_ascii_graphic() && !b"%?#\\;".contains(&b)));
            assert!(!written.contains("//") && !written.contains("/../"));
            let name = path.repository().map(|name| name.as_str());
            assert!(name.is_none_or(|name| {
                fuzz::NAME.holds(name) && text.starts_with(&format!("/v2/{name}/"))
            }));
        }
        Err(PathError::Foreign) => {
            assert!(text != "/v2" && !text.starts_with("/v2/"));
        }
        Err(
            error @ (PathError::Digest { .. } | PathError::Tag { .. } | PathError::UploadId { .. }),
        ) => {
            assert!(text.starts_with("/v2/"));
            assert!(error.to_string().len() < 256);
        }
        Err(PathError::Unknown | PathError::Name(_)) => {
            assert!(text.starts_with("/v2/"));
        }
    }
});
