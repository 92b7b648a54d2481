//! A kubeconfig for an agent that is not a pod: a systemd service, say.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::api::PostParams;
use kube::{Api, Client, Config};
use serde_json::{Value, json};

/// A kubeconfig, and how long it is good for.
pub struct Kubeconfig {
    /// The file, as JSON, which is YAML too. It holds a token.
    pub content: Value,
    /// When the token expires; the API server may grant less than was asked for.
    pub expires: k8s_openapi::jiff::Timestamp,
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
    Ok(Kubeconfig { content: file(config, &namespace, &account, &status.token), expires })
}

fn file(config: &Config, namespace: &str, account: &str, token: &str) -> Value {
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
        "users": [{ "name": account, "user": { "token": token } }],
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
        let file = file(&config, "system", "agent", "secret");
        let read: kube::config::Kubeconfig = serde_json::from_value(file).unwrap();
        let options = KubeConfigOptions::default();
        let back = Config::from_custom_kubeconfig(read, &options).await.unwrap();
        assert_eq!(back.cluster_url, config.cluster_url);
        assert_eq!(back.root_cert, Some(vec![der, vec![1]]));
        assert_eq!(back.default_namespace, "system");
    }
}
