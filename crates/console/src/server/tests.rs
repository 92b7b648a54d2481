#![allow(clippy::unwrap_used)]
use super::session::Sessions;
use super::*;

fn sessions() -> Sessions {
    kubewright_operator::install_crypto_provider();
    let config = Config::new("https://127.0.0.1:1".parse().unwrap());
    Sessions::new(Access::Users(Box::new(config)), "x").unwrap()
}

#[test]
fn the_token_of_a_form_is_of_one_session_and_one_console() {
    let (here, there) = (sessions(), sessions());
    let (one, other) = (here.cookie().unwrap(), here.cookie().unwrap());
    assert_ne!(one, other);
    let token = here.form_token(&one);
    assert!(here.is_form_token(&one, &token));
    assert!(!here.is_form_token(&other, &token));
    assert!(!there.is_form_token(&one, &token));
    for wrong in ["", "?", "AAAA", &token[1..], &one] {
        assert!(!here.is_form_token(&one, wrong), "{wrong:?}");
    }
    assert!(here.find(&one).is_none(), "a cookie alone is no session");
}
