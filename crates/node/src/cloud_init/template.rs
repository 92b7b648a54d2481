//! The template, and how values go into it.

use minijinja::{Environment, Error, ErrorKind, context};

use super::Package;

/// What goes in.
pub(super) struct Values<'a> {
    pub(super) hostname: Option<&'a str>,
    pub(super) ssh_keys: &'a [String],
    pub(super) package: Option<&'a Package>,
    pub(super) configuration_file: &'a str,
    pub(super) configuration: &'a str,
    pub(super) environment_file: &'a str,
    pub(super) environment: &'a str,
    pub(super) service: &'a str,
}

pub(super) fn render(values: &Values<'_>) -> Result<String, Error> {
    let mut environment = Environment::new();
    environment.set_keep_trailing_newline(true);
    environment.set_trim_blocks(true);
    environment.add_filter("quoted", |value: String| -> Result<String, Error> {
        serde_json::to_string(&value)
            .map_err(|error| Error::new(ErrorKind::BadSerialization, error.to_string()))
    });
    environment.render_str(
        include_str!("user-data.yaml.j2"),
        context! {
            hostname => values.hostname,
            ssh_keys => values.ssh_keys,
            package => values.package,
            configuration_file => values.configuration_file,
            configuration => values.configuration,
            environment_file => values.environment_file,
            environment => values.environment,
            service => values.service,
        },
    )
}
