//! `TokenReview`: whose token is this?

use serde_json::{Value, json};

use super::{Answer, answered};
use crate::access::{by_token, own_audience};
use crate::builtin::text;
use crate::error::{Error, Result};
use crate::rest::Target;

pub(in crate::subresource) fn token(target: &Target<'_>, review: Value) -> Result<Answer> {
    let token = text(&review, "/spec/token");
    if token.is_empty() {
        return Err(Error::bad_request("token is required for TokenReview in authentication"));
    }
    let audiences = review["spec"]["audiences"].as_array().into_iter().flatten();
    let mut audiences: Vec<String> =
        audiences.filter_map(Value::as_str).map(str::to_owned).collect();
    if audiences.is_empty() {
        audiences.extend(own_audience());
    }
    let status = match by_token(target.core, token, &audiences) {
        Ok(accepted) => json!({ "authenticated": true,
            "user": accepted.identity.to_user_info(), "audiences": accepted.audiences }),
        Err(refused) => json!({ "user": {}, "error": refused.to_string() }),
    };
    Ok(answered(review, status))
}
