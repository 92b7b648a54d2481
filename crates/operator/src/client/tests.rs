#![allow(clippy::unwrap_used)]
use super::*;

const KUBECONFIG: &str = "
apiVersion: v1
kind: Config
current-context: beta
clusters:
- {name: c, cluster: {server: 'http://127.0.0.1:1'}}
- {name: d, cluster: {server: 'http://127.0.0.1:2'}}
users: [{name: u, user: {token: t}}]
contexts:
- {name: beta, context: {cluster: c, user: u, namespace: ours}}
- {name: alpha, context: {cluster: d, user: u}}
- {name: broken, context: {cluster: missing, user: u}}
";

fn around(home: &Path) -> Surroundings {
    Surroundings { kubeconfig: None, home: Some(home.to_owned()), in_cluster: false }
}

fn written(dir: &Path, name: &str, text: &str) -> PathBuf {
    let file = dir.join(name);
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(&file, text).unwrap();
    file
}

#[test]
fn the_source_is_chosen_in_the_order_of_kubectl() {
    let dir = tempfile::tempdir().unwrap();
    let home = dir.path();
    let none = ClientArgs::default();
    let error = none.locate(&around(home)).unwrap_err().to_string();
    assert!(
        error.contains(".kube/config does not exist") && error.contains("--kubeconfig"),
        "{error}"
    );

    let pod = Surroundings { in_cluster: true, ..around(home) };
    assert_eq!(none.locate(&pod).unwrap(), Source::InCluster);

    let default = written(home, ".kube/config", KUBECONFIG);
    assert_eq!(none.locate(&pod).unwrap(), Source::Files(vec![default]));

    let (a, b) = (written(home, "a", KUBECONFIG), written(home, "b", KUBECONFIG));
    let listed = std::env::join_paths([&a, &home.join("absent"), &b]).unwrap();
    let env = Surroundings { kubeconfig: Some(listed), ..around(home) };
    assert_eq!(none.locate(&env).unwrap(), Source::Files(vec![a, b.clone()]));

    let named = ClientArgs::file(&b);
    assert_eq!(named.locate(&env).unwrap(), Source::Files(vec![b]));
}

#[test]
fn what_is_named_and_missing_is_an_error_and_not_passed_over() {
    let dir = tempfile::tempdir().unwrap();
    let absent = dir.path().join("absent");
    let pod = Surroundings { in_cluster: true, ..around(dir.path()) };

    let error = ClientArgs::file(&absent).locate(&pod).unwrap_err().to_string();
    assert!(error.contains("absent") && error.contains("--kubeconfig"), "{error}");

    let env = Surroundings { kubeconfig: Some(absent.into()), ..pod };
    let error = ClientArgs::default().locate(&env).unwrap_err().to_string();
    assert!(error.contains("absent") && error.contains("$KUBECONFIG"), "{error}");

    let empty = Surroundings { kubeconfig: Some("".into()), ..env };
    assert_eq!(ClientArgs::default().locate(&empty).unwrap(), Source::InCluster);
    let args = ClientArgs { context: Some("x".into()), ..ClientArgs::default() };
    let error = args.locate(&empty).unwrap_err().to_string();
    assert!(error.contains("\"x\"") && error.contains("service account"), "{error}");
}

#[tokio::test]
async fn contexts_are_chosen_and_offered() {
    let dir = tempfile::tempdir().unwrap();
    let file = written(dir.path(), "config", KUBECONFIG);
    let config = async |context: Option<&str>| {
        let context = context.map(str::to_owned);
        ClientArgs { kubeconfig: Some(file.clone()), context }.config().await
    };
    let current = config(None).await.unwrap();
    assert_eq!(current.cluster_url.to_string(), "http://127.0.0.1:1/");
    assert_eq!(current.default_namespace, "ours");
    assert!(current.headers.iter().any(|(name, value)| {
        name == header::USER_AGENT && value.to_str().unwrap().starts_with("kubewright/")
    }));
    let other = config(Some("alpha")).await.unwrap();
    assert_eq!(other.cluster_url.to_string(), "http://127.0.0.1:2/");

    let error = config(Some("gamma")).await.unwrap_err().to_string();
    assert!(error.contains("\"gamma\""), "{error}");
    assert!(error.ends_with("choose one with --context: alpha, beta, broken"), "{error}");
    let error = config(Some("broken")).await.unwrap_err();
    assert!(matches!(error, ClientError::Context { .. }), "{error:?}");
}

#[tokio::test]
async fn files_that_cannot_be_used_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let none = written(dir.path(), "none", &KUBECONFIG.replace("current-context: beta", ""));
    let error = ClientArgs::file(&none).config().await.unwrap_err().to_string();
    assert!(error.contains("no current context") && error.contains("alpha, beta"), "{error}");

    let bad = written(dir.path(), "bad", "contexts: [");
    let error = ClientArgs::file(&bad).config().await.unwrap_err();
    assert!(error.to_string().contains("/bad"), "{error}");
    assert!(std::error::Error::source(&error).is_some());
}

#[tokio::test]
async fn files_are_merged_first_wins() {
    let dir = tempfile::tempdir().unwrap();
    let first = written(dir.path(), "1", "current-context: alpha\n");
    let second = written(dir.path(), "2", KUBECONFIG);
    let config = ClientArgs::default().read_files(vec![first, second]).await.unwrap();
    assert_eq!(config.cluster_url.to_string(), "http://127.0.0.1:2/");
}
