//! Two small servers on ports of their own: metrics for the operator, and the redirect to https.

mod chart;
mod openmetrics;
mod operator;
mod page;
mod redirect;

pub use operator::OperatorService;
pub use redirect::RedirectService;
