//! Finds the endpoint of a request by its method and URI.

use hyper::{Method, Uri};

use super::endpoint::{Delete, Endpoint, Mount, Open, Pull, Push, Referrers};
use crate::http::HttpError;
use crate::oci::{
    Algorithm, Digest, DigestError, DigestOf, ErrorCode, PageRequest, Path, PathError, Query,
    Reference, RepositoryName, Tag, UploadId,
};

/// Maximum number of further tags in one push (end-7b asks for at least ten).
const MAX_TAGS: usize = 100;

/// Maximum number of artifact types that a list of referrers filters by.
const MAX_ARTIFACT_TYPES: usize = 16;

/// Finds the endpoint of a request by its method and URI.
///
/// # Errors
/// The error to respond with: the path is unknown, it does not have the method, or a part of the path or query is
/// malformed.
pub fn route(method: &Method, uri: &Uri) -> Result<Endpoint, HttpError> {
    if let Some(endpoint) = open(method, uri.path())? {
        return Ok(endpoint);
    }
    let path = Path::parse(uri.path()).map_err(|error| path_error(method, error))?;
    let query = Query::parse(uri.query()).map_err(|e| HttpError::unsupported(e.to_string()))?;
    match path {
        Path::Base => read(method, Endpoint::Version),
        Path::Extensions => read(method, Endpoint::Extensions),
        Path::Catalog => read(method, Endpoint::Catalog(page(&query)?)),
        Path::Tags { repository } => {
            read(method, Endpoint::Pull(repository, Pull::Tags(page(&query)?)))
        }
        Path::Referrers { repository, digest } => {
            read(method, referrers(repository, digest, &query)?)
        }
        Path::Content { repository, digest } => {
            read(method, Endpoint::Pull(repository, Pull::Content(digest)))
        }
        Path::Blob { repository, digest } => blob(method, repository, digest),
        Path::Uploads { repository } => uploads(method, repository, &query),
        Path::Upload { repository, id } => upload(method, repository, id, &query),
        Path::Manifest { repository, reference } => manifest(method, repository, reference, &query),
    }
}

fn open(method: &Method, path: &str) -> Result<Option<Endpoint>, HttpError> {
    let what = match path {
        "/healthz" => Open::Health,
        "/readyz" => Open::Ready,
        "/.well-known/jwks.json" => Open::Keys,
        "/token" => match *method {
            Method::POST => return Ok(Some(Endpoint::Open(Open::TokenPost))),
            Method::GET | Method::HEAD => Open::TokenGet,
            _ => return Err(HttpError::MethodNotAllowed("GET, HEAD, POST")),
        },
        _ => return Ok(None),
    };
    read(method, Endpoint::Open(what)).map(Some)
}

/// An endpoint that can only be read. HEAD is handled as GET without a body.
fn read(method: &Method, endpoint: Endpoint) -> Result<Endpoint, HttpError> {
    match *method {
        Method::GET | Method::HEAD => Ok(endpoint),
        _ => Err(HttpError::MethodNotAllowed("GET, HEAD")),
    }
}

fn blob(
    method: &Method,
    repository: RepositoryName,
    digest: Digest,
) -> Result<Endpoint, HttpError> {
    match *method {
        Method::GET => Ok(Endpoint::Pull(repository, Pull::Blob(digest))),
        Method::HEAD => Ok(Endpoint::Pull(repository, Pull::BlobHead(digest))),
        Method::DELETE => Ok(Endpoint::Delete(repository, Delete::Blob(digest))),
        _ => Err(HttpError::MethodNotAllowed("GET, HEAD, DELETE")),
    }
}

fn uploads(
    method: &Method,
    repository: RepositoryName,
    query: &Query,
) -> Result<Endpoint, HttpError> {
    if *method != Method::POST {
        return Err(HttpError::MethodNotAllowed("POST"));
    }
    if let Some(digest) = single(query, "mount")? {
        let digest = parse_digest(digest)?;
        // No repository has an illegal name. The client gets an upload session, as when the source lacks the blob.
        return Ok(match query.first("from").map(str::parse).transpose() {
            Ok(source) => Endpoint::Mount(Mount { target: repository, source, digest }),
            Err(_) => Endpoint::Push(repository, Push::Start(None)),
        });
    }
    if let Some(digest) = single(query, "digest")? {
        return Ok(Endpoint::Push(repository, Push::Monolithic(parse_digest(digest)?)));
    }
    let algorithm = query.first("digest-algorithm").map(str::parse::<Algorithm>).transpose();
    Ok(Endpoint::Push(repository, Push::Start(algorithm.map_err(digest_invalid)?)))
}

fn upload(
    method: &Method,
    repository: RepositoryName,
    id: UploadId,
    query: &Query,
) -> Result<Endpoint, HttpError> {
    let what = match *method {
        Method::GET | Method::HEAD => Push::Status(id),
        Method::PATCH => Push::Append(id),
        Method::DELETE => Push::Cancel(id),
        Method::PUT => {
            Push::Finish(id, parse_digest(single(query, "digest")?.unwrap_or_default())?)
        }
        _ => return Err(HttpError::MethodNotAllowed("GET, HEAD, PATCH, PUT, DELETE")),
    };
    Ok(Endpoint::Push(repository, what))
}

fn manifest(
    method: &Method,
    repository: RepositoryName,
    reference: Reference,
    query: &Query,
) -> Result<Endpoint, HttpError> {
    match *method {
        Method::GET => Ok(Endpoint::Pull(repository, Pull::Manifest(reference))),
        Method::HEAD => Ok(Endpoint::Pull(repository, Pull::ManifestHead(reference))),
        Method::DELETE => Ok(Endpoint::Delete(repository, Delete::Manifest(reference))),
        Method::PUT => {
            let tags = tags(&reference, query)?;
            Ok(Endpoint::Push(repository, Push::Manifest(reference, tags)))
        }
        _ => Err(HttpError::MethodNotAllowed("GET, HEAD, PUT, DELETE")),
    }
}

/// The tags of `?tag=`, which may repeat or hold several tags with commas (end-7b). Only a push by digest may have them.
fn tags(reference: &Reference, query: &Query) -> Result<Vec<Tag>, HttpError> {
    let mut tags = Vec::new();
    for tag in query.all("tag").flat_map(|tags| tags.split(',')).filter(|tag| !tag.is_empty()) {
        let tag = tag.parse().map_err(|e: crate::oci::TagError| HttpError::name(e.to_string()))?;
        if !tags.contains(&tag) {
            tags.push(tag);
        }
    }
    if tags.len() > MAX_TAGS {
        return Err(HttpError::TooManyTags(MAX_TAGS));
    }
    if !tags.is_empty() && matches!(reference, Reference::Tag(_)) {
        return Err(HttpError::unsupported("?tag= is only allowed in a push by digest".to_owned()));
    }
    Ok(tags)
}

fn referrers(
    repository: RepositoryName,
    subject: Digest,
    query: &Query,
) -> Result<Endpoint, HttpError> {
    let artifact_types = query.all("artifactType").filter(|t| !t.is_empty());
    let artifact_types: Vec<String> = artifact_types.map(str::to_owned).collect();
    if artifact_types.len() > MAX_ARTIFACT_TYPES {
        let most = format!("a list filters by at most {MAX_ARTIFACT_TYPES} artifact types");
        return Err(HttpError::unsupported(most));
    }
    let referrers = Referrers { subject, artifact_types, page: page(query)? };
    Ok(Endpoint::Pull(repository, Pull::Referrers(referrers)))
}

fn page(query: &Query) -> Result<PageRequest, HttpError> {
    PageRequest::parse(query).map_err(|error| HttpError::unsupported(error.to_string()))
}

/// The digest in the parameter `key`. Two of them would let a proxy and this server see two different contents.
fn single<'a>(query: &'a Query, key: &str) -> Result<Option<&'a str>, HttpError> {
    let mut values = query.all(key);
    let first = values.next();
    match values.next() {
        None => Ok(first),
        Some(_) => {
            let message = format!("the query has more than one {key}");
            Err(HttpError::bad_request(ErrorCode::DigestInvalid, message))
        }
    }
}

fn parse_digest(text: &str) -> Result<Digest, HttpError> {
    text.parse().map_err(digest_invalid)
}

fn digest_invalid(error: DigestError) -> HttpError {
    HttpError::bad_request(ErrorCode::DigestInvalid, error.to_string())
}

/// The error for a path that does not parse.
fn path_error(method: &Method, error: PathError) -> HttpError {
    let message = error.to_string();
    let reads = matches!(*method, Method::GET | Method::HEAD | Method::DELETE);
    match error {
        PathError::Foreign | PathError::Unknown => HttpError::PathUnknown,
        PathError::Name(_) => HttpError::name(message),
        // This registry stores nothing under an algorithm that it does not support, so there is nothing to find.
        PathError::Digest { of, error: DigestError::Unsupported(_), .. } if reads => match of {
            DigestOf::Blob => HttpError::not_found(ErrorCode::BlobUnknown, message),
            DigestOf::Manifest => HttpError::not_found(ErrorCode::ManifestUnknown, message),
            DigestOf::Subject => HttpError::bad_request(ErrorCode::DigestInvalid, message),
        },
        PathError::Digest { .. } => HttpError::bad_request(ErrorCode::DigestInvalid, message),
        // Not TAG_INVALID: containers/image takes that code for an error in the format of the manifest.
        PathError::Tag { .. } if reads => HttpError::not_found(ErrorCode::ManifestUnknown, message),
        PathError::Tag { .. } => HttpError::name(message),
        PathError::UploadId { .. } => {
            HttpError::not_found(ErrorCode::BlobUploadUnknown, "no such upload session".to_owned())
        }
    }
}
