#![allow(clippy::unwrap_used)]

use super::*;

/// The long help of a command, as documents show it.
fn help(words: &[&str]) -> String {
    let mut command = &mut reference();
    for word in words {
        command = command.find_subcommand_mut(word).unwrap();
    }
    command.clone().term_width(100).render_help().to_string()
}

#[test]
fn the_command_line_is_sound() {
    Cli::command().debug_assert();
}

#[test]
fn help_of_every_command() {
    insta::assert_snapshot!("kubewright", help(&[]));
    for words in [
        &["up"][..],
        &["local"],
        &["local", "start"],
        &["local", "stop"],
        &["local", "status"],
        &["local", "kubeconfig"],
        &["controllers"],
        &["console"],
        &["hostendpoint"],
        &["hostendpoint", "run"],
        &["hostendpoint", "plan"],
        &["hostendpoint", "guard"],
        &["hostendpoint", "guard", "lock"],
        &["hostendpoint", "guard", "release"],
        &["hostendpoint", "guard", "status"],
        &["podnet"],
        &["podnet", "agent"],
        &["podnet", "agent", "kubeconfig"],
        &["podnet", "attach"],
        &["podnet", "detach"],
        &["podnet", "list"],
        &["podnet", "install"],
        &["podnet", "uninstall"],
        &["peerpod"],
        &["peerpod", "run"],
        &["peerpod", "plan"],
        &["peerpod", "webhook"],
        &["node", "reset"],
        &["node", "config"],
        &["node", "cloud-init"],
        &["workspace"],
        &["workspace", "init"],
        &["workspace", "sync"],
        &["workspace", "status"],
        &["workspace", "graph"],
        &["workspace", "why"],
        &["workspace", "skew"],
        &["workspace", "build"],
        &["workspace", "image"],
        &["workspace", "index"],
        &["workspace", "push"],
        &["workspace", "manifests"],
        &["workspace", "bundle"],
        &["workspace", "bundle", "create"],
        &["workspace", "bundle", "verify"],
        &["workspace", "bundle", "load"],
        &["workspace", "deploy"],
        &["workspace", "release"],
        &["workspace", "dev-vm"],
        &["crds"],
        &["manifests"],
        &["completions"],
        &["man"],
        &["version"],
    ] {
        insta::assert_snapshot!(words.join("_"), help(words));
    }
}

#[test]
fn options_may_stand_after_the_command() {
    let line = ["kubewright", "hostendpoint", "plan", "--context", "a", "--log-level", "debug"];
    let cli = Cli::try_parse_from(line).unwrap();
    assert_eq!(cli.log.log_level, "debug");
    assert!(Cli::try_parse_from(["kubewright", "up", "--nodes", "0"]).is_err());
}
