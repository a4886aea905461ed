//! The two small servers beside the API: the operator's port and the redirect to https.

mod operator;
mod redirect;

pub use operator::OperatorService;
pub use redirect::RedirectService;
