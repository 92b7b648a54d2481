//! A kubeconfig for an agent that is not a pod: a systemd service, say.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::api::PostParams;
use kube::{Api, Client, Config};
use serde_json::{Value, json};

/// A kubeconfig, and how long it is good for. It cannot be printed, as it holds a token.
pub struct Kubeconfig {
    /// Without credentials.
    content: Value,
    token: String,
    /// When the token expires; the API server may grant less than was asked for.
    pub expires: k8s_openapi::jiff::Timestamp,
}

impl Kubeconfig {
    /// The file with the token in it, as JSON, which is YAML too.
    #[must_use]
    pub fn with_token(&self) -> Value {
        self.with_user(json!({ "token": self.token }))
    }

    /// The file when the token is in another one, which clients read again when it has changed. Its
    /// path is taken from the folder of this file where it is relative.
    #[must_use]
    pub fn with_token_file(&self, path: &str) -> Value {
        self.with_user(json!({ "tokenFile": path }))
    }

    /// The token.
    #[must_use]
    pub fn token(&self) -> &str {
        &self.token
    }

    fn with_user(&self, user: Value) -> Value {
        let mut content = self.content.clone();
        content["users"][0]["user"] = user;
        content
    }
}

/// Why there is none.
#[derive(Debug, thiserror::Error)]
pub enum KubeconfigError {
    /// No token.
    #[error("cannot get a token for service account {namespace}/{account}")]
    Token {
        /// Its namespace.
        namespace: String,
        /// The account.
        account: String,
        /// What the API server said.
        #[source]
        source: Box<kube::Error>,
    },
    /// An answer without a token.
    #[error("the API server granted no token for service account {namespace}/{account}")]
    Empty {
        /// Its namespace.
        namespace: String,
        /// The account.
        account: String,
    },
}

/// Asks for a token of a service account, good for `seconds`, and puts it into a kubeconfig for
/// the API server of `config`.
///
/// # Errors
/// When the API server grants none.
pub async fn of_account(
    client: &Client,
    config: &Config,
    namespace: &str,
    account: &str,
    seconds: i64,
) -> Result<Kubeconfig, KubeconfigError> {
    let api: Api<ServiceAccount> = Api::namespaced(client.clone(), namespace);
    let request = TokenRequest {
        spec: TokenRequestSpec { expiration_seconds: Some(seconds), ..Default::default() },
        ..TokenRequest::default()
    };
    let answer = api.create_token_request(account, &PostParams::default(), &request).await;
    let (namespace, account) = (namespace.to_owned(), account.to_owned());
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) => {
            let source = Box::new(error);
            return Err(KubeconfigError::Token { namespace, account, source });
        }
    };
    let Some(status) = answer.status.filter(|status| !status.token.is_empty()) else {
        return Err(KubeconfigError::Empty { namespace, account });
    };
    let expires = status.expiration_timestamp.0;
    Ok(Kubeconfig { content: file(config, &namespace, &account), token: status.token, expires })
}

fn file(config: &Config, namespace: &str, account: &str) -> Value {
    let mut cluster = json!({ "server": config.cluster_url.to_string() });
    if let Some(roots) = &config.root_cert {
        let pem: String = roots.iter().map(|der| pem(der)).collect();
        cluster["certificate-authority-data"] = STANDARD.encode(pem).into();
    }
    if config.accept_invalid_certs {
        cluster["insecure-skip-tls-verify"] = true.into();
    }
    if let Some(name) = &config.tls_server_name {
        cluster["tls-server-name"] = name.as_str().into();
    }
    json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{ "name": "cluster", "cluster": cluster }],
        "users": [{ "name": account, "user": {} }],
        "contexts": [{ "name": account,
            "context": { "cluster": "cluster", "user": account, "namespace": namespace } }],
        "current-context": account,
    })
}

fn pem(der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines: String =
        text.as_bytes().chunks(64).map(|line| String::from_utf8_lossy(line) + "\n").collect();
    format!("-----BEGIN CERTIFICATE-----\n{lines}-----END CERTIFICATE-----\n")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use kube::config::KubeConfigOptions;

    /// What is written is read again by the client, and is the same cluster.
    #[tokio::test]
    async fn the_file_leads_back_to_the_same_server() {
        let mut config = Config::new("https://10.0.0.1:6443/".parse().unwrap());
        let der: Vec<u8> = (0..=255).collect();
        config.root_cert = Some(vec![der.clone(), vec![1]]);
        let content = file(&config, "system", "agent");
        let expires = k8s_openapi::jiff::Timestamp::UNIX_EPOCH;
        let made = Kubeconfig { content, token: "secret".to_owned(), expires };
        assert_eq!(made.with_token()["users"][0]["user"], json!({ "token": "secret" }));
        let file = made.with_token_file("agent.token");
        assert!(!file.to_string().contains("secret"));
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("agent"), file.to_string()).unwrap();
        std::fs::write(folder.path().join("agent.token"), made.token()).unwrap();
        let read = kube::config::Kubeconfig::read_from(folder.path().join("agent")).unwrap();
        let options = KubeConfigOptions::default();
        let back = Config::from_custom_kubeconfig(read, &options).await.unwrap();
        let token_file = back.auth_info.token_file.as_deref().unwrap();
        assert_eq!(std::fs::read_to_string(token_file).unwrap(), "secret");
        assert_eq!(back.cluster_url, config.cluster_url);
        assert_eq!(back.root_cert, Some(vec![der, vec![1]]));
        assert_eq!(back.default_namespace, "system");
    }
}
