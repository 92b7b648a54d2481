//! Runs the renderer.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What the renderer is made of, as Debian packages it.
pub(crate) const LIBRARIES: [&str; 3] = [
    "/usr/share/gocode/src/github.com/Masterminds/sprig/functions.go",
    "/usr/share/gocode/src/github.com/xeipuuv/gojsonschema/schema.go",
    "/usr/share/gocode/src/sigs.k8s.io/yaml/yaml.go",
];

/// Values that the chart is rendered with.
#[derive(Serialize)]
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) namespace: String,
    pub(crate) values: Value,
}

impl Case {
    pub(crate) fn new(name: &str, values: Value) -> Self {
        Self { name: name.to_owned(), namespace: super::NAMESPACE.to_owned(), values }
    }
}

/// What became of a case.
#[derive(Deserialize)]
pub(crate) struct Rendered {
    files: Option<BTreeMap<String, String>>,
    pub(crate) error: Option<String>,
}

impl Rendered {
    pub(crate) fn objects(&self) -> Vec<Value> {
        assert_eq!(self.error, None);
        let files = self.files.iter().flatten();
        let manifests = files.filter(|(path, _)| path.ends_with(".yaml"));
        manifests.flat_map(|(_, text)| documents(text)).collect()
    }

    pub(crate) fn notes(&self) -> &str {
        &self.files.as_ref().unwrap()["templates/NOTES.txt"]
    }

    pub(crate) fn has(&self, kind: &str) -> bool {
        self.objects().iter().any(|object| object["kind"] == kind)
    }
}

/// The YAML documents of a text, without empty ones.
pub(crate) fn documents(text: &str) -> Vec<Value> {
    let parts = text.split("\n---\n").map(|part| part.strip_prefix("---\n").unwrap_or(part));
    let parts = parts.filter(|part| {
        part.lines().any(|line| !line.trim().is_empty() && !line.starts_with('#') && line != "---")
    });
    parts
        .map(|part| serde_saphyr::from_str(part).unwrap_or_else(|e| panic!("{e}:\n{part}")))
        .collect()
}

/// The chart as it is generated, in a folder.
pub(crate) struct Chart {
    folder: tempfile::TempDir,
    files: BTreeMap<String, String>,
}

impl Chart {
    pub(crate) fn write() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut files = BTreeMap::new();
        for (path, text) in kubewright::generated::files().unwrap() {
            let Ok(path) = path.strip_prefix("deploy/helm/kubewright") else { continue };
            let to = folder.path().join("kubewright").join(path);
            std::fs::create_dir_all(to.parent().unwrap()).unwrap();
            std::fs::write(&to, &text).unwrap();
            files.insert(path.display().to_string(), text);
        }
        Self { folder, files }
    }

    pub(crate) fn files(&self) -> &BTreeMap<String, String> {
        &self.files
    }

    pub(crate) fn folder(&self) -> PathBuf {
        self.folder.path().join("kubewright")
    }

    pub(crate) fn values(&self) -> Value {
        serde_saphyr::from_str(&self.files["values.yaml"]).unwrap()
    }

    pub(crate) fn schema(&self) -> Value {
        serde_json::from_str(&self.files["values.schema.json"]).unwrap()
    }

    pub(crate) fn render(&self, cases: &[Case]) -> BTreeMap<String, Rendered> {
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/chart/engine.go");
        let mut command = Command::new("go");
        command.arg("run").arg(program).arg(self.folder());
        // Debian's libraries are no modules.
        command.envs([("GO111MODULE", "off"), ("GOPATH", "/usr/share/gocode"), ("GOFLAGS", "")]);
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut input = child.stdin.take().unwrap();
        input.write_all(&serde_json::to_vec(cases).unwrap()).unwrap();
        drop(input);
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "the renderer failed");
        serde_json::from_slice(&output.stdout).unwrap()
    }
}
