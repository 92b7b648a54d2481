#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;

#[test]
fn names_by_hash_are_kalooms() {
    for (network, name) in
        [("green", "net9f27410725ab"), ("red", "netbda9643ac660"), ("data", "net8d777f385d3d")]
    {
        assert_eq!(InterfaceName::hashed(network, 0).as_str(), name);
    }
}

#[test]
fn the_pods_own_interfaces_are_not_for_the_asking() {
    assert_eq!(InterfaceName::requested("eth0"), Err(NameError::Reserved("eth0".into())));
    assert_eq!(InterfaceName::requested("lo"), Err(NameError::Reserved("lo".into())));
    assert_eq!(InterfaceName::new("eth0").unwrap().as_str(), InterfaceName::DEFAULT);
}

#[test]
fn names_that_would_leave_a_folder_or_add_an_argument_are_refused() {
    for bad in [
        "",
        "..",
        "/../../x",
        "a/b",
        "a;K8S_POD_NAME=b",
        "a b",
        "A",
        "a_b",
        "-a",
        "a-",
        "a..b",
        ".a",
        "a\n",
        "a\0",
        "é",
    ] {
        assert!(check_network(bad).is_err(), "{bad:?}");
        assert!(check_pod(bad).is_err(), "{bad:?}");
        assert!(check_namespace(bad).is_err(), "{bad:?}");
    }
    assert!(check_namespace("a.b").is_err());
    assert!(check_namespace(&"a".repeat(64)).is_err());
    assert_eq!(check_network("a.b-c.0"), Ok(()));
    for bad in ["", "a/b", "..", "a@b", &"a".repeat(65)] {
        assert!(check_uid(bad).is_err(), "{bad:?}");
    }
    assert_eq!(check_uid("a1f6e0c8-7c2a-4b1c-9a55-0d8c1a2b3c4d"), Ok(()));
    for bad in ["a/b", "..", "a b", "1234567890123456", ""] {
        assert!(InterfaceName::requested(bad).is_err(), "{bad:?}");
        assert!(serde_json::from_value::<InterfaceName>(bad.into()).is_err(), "{bad:?}");
    }
}

#[test]
fn schemes_have_names() {
    for naming in [Naming::Hash, Naming::Numbered] {
        assert_eq!(naming.to_string().parse(), Ok(naming));
    }
    assert!("position".parse::<Naming>().unwrap_err().to_string().contains("hash or netN"));
}

proptest! {
    #[test]
    fn a_generated_name_is_valid(network in ".{0,300}", ordinal in 0usize..2000) {
        let name = InterfaceName::hashed(&network, ordinal);
        prop_assert_eq!(InterfaceName::requested(name.as_str()), Ok(name));
        let numbered = InterfaceName::numbered(ordinal);
        prop_assert_eq!(InterfaceName::requested(numbered.as_str()), Ok(numbered));
    }
}
