#![allow(clippy::unwrap_used)]

use super::*;

#[tokio::test]
async fn a_large_input_arrives_whole() {
    let input = "0123456789\n".repeat(100_000);
    assert_eq!(run("cat", "coreutils", &[], &input).await.unwrap(), input);
}

#[tokio::test]
async fn what_went_wrong_can_be_told_apart() {
    let missing = run("/nonexistent/nft", "nftables", &[], "").await.unwrap_err();
    assert!(matches!(missing, ProcessError::Missing { .. }) && missing.is_permanent());

    let said = "echo 'Error: Could not process rule: Operation not permitted' >&2; exit 1";
    let denied = run("sh", "dash", &["-c", said], "").await.unwrap_err();
    assert!(denied.to_string().contains("CAP_NET_ADMIN") && denied.is_permanent(), "{denied}");

    let failed = run("sh", "dash", &["-c", "echo syntax >&2; exit 3"], "").await.unwrap_err();
    assert!(failed.to_string().contains("syntax") && !failed.is_permanent(), "{failed}");
}
