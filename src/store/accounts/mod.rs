//! Accounts, their grants, their refresh tokens, the keys that sign tokens, and the check of rights.

pub(crate) mod access;
pub(crate) mod account;
pub(crate) mod grant;
pub(crate) mod recent_push;
pub(crate) mod refresh_token;
pub(crate) mod signing_key;
