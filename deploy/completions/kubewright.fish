# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_kubewright_global_optspecs
    string join \n log-format= log-level= h/help V/version
end

function __fish_kubewright_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_kubewright_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_kubewright_using_subcommand
    set -l cmd (__fish_kubewright_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c kubewright -n "__fish_kubewright_needs_command" -l log-format -d 'How log lines are written to standard error' -r -f -a "text\t'For people'
json\t'One JSON object in each line'"
complete -c kubewright -n "__fish_kubewright_needs_command" -l log-level -d 'A level (error, warn, info, debug, trace), or filter directives such as `info,kube=debug`' -r
complete -c kubewright -n "__fish_kubewright_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kubewright -n "__fish_kubewright_needs_command" -s V -l version -d 'Print version'
complete -c kubewright -n "__fish_kubewright_needs_command" -f -a "up" -d 'Bring everything up on this machine, without a cluster, and check it'
complete -c kubewright -n "__fish_kubewright_needs_command" -f -a "local" -d 'Run a Kubernetes control plane on this machine, without a cluster'
complete -c kubewright -n "__fish_kubewright_needs_command" -f -a "controllers" -d 'Run the cluster-wide controllers'
complete -c kubewright -n "__fish_kubewright_needs_command" -f -a "hostendpoint" -d 'Keep Calico HostEndpoints for nodes, and guard nodes while they boot'
complete -c kubewright -n "__fish_kubewright_needs_command" -f -a "podnet" -d 'Attach running pods to networks, and detach them'
complete -c kubewright -n "__fish_kubewright_needs_command" -f -a "peerpod" -d 'Give nodes capacity for peer pods, and make pods peer pods'
complete -c kubewright -n "__fish_kubewright_needs_command" -f -a "node" -d 'Seed a cluster, join nodes to it, and accept, reject and remove them'
complete -c kubewright -n "__fish_kubewright_needs_command" -f -a "console" -d 'Show what is going on in a browser, live, and let nodes in'
complete -c kubewright -n "__fish_kubewright_needs_command" -f -a "workspace" -d 'Build images, manifests, bundles and releases from many repositories'
complete -c kubewright -n "__fish_kubewright_needs_command" -f -a "crds" -d 'Print the CustomResourceDefinitions of kubewright'
complete -c kubewright -n "__fish_kubewright_needs_command" -f -a "manifests" -d 'Print the manifests that install kubewright in a cluster'
complete -c kubewright -n "__fish_kubewright_needs_command" -f -a "completions" -d 'Print the completions for a shell'
complete -c kubewright -n "__fish_kubewright_needs_command" -f -a "man" -d 'Print a manual page'
complete -c kubewright -n "__fish_kubewright_needs_command" -f -a "version" -d 'Print the version'
complete -c kubewright -n "__fish_kubewright_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c kubewright -n "__fish_kubewright_using_subcommand up" -l nodes -d 'Nodes to simulate' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand up" -l state-dir -d 'Keep the cluster here, also over restarts [default: in memory]' -r -f -a "(__fish_complete_directories)"
complete -c kubewright -n "__fish_kubewright_using_subcommand up" -l runtime-endpoint -d 'Run pods by the container runtime at this socket [default: one in miniature]' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand up" -l log-format -d 'How log lines are written to standard error' -r -f -a "text\t'For people'
json\t'One JSON object in each line'"
complete -c kubewright -n "__fish_kubewright_using_subcommand up" -l log-level -d 'A level (error, warn, info, debug, trace), or filter directives such as `info,kube=debug`' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand up" -l once -d 'End after the checks: exit code 0 if they passed, else 1'
complete -c kubewright -n "__fish_kubewright_using_subcommand up" -l json -d 'Write one JSON object for each check, and a last one with the result'
complete -c kubewright -n "__fish_kubewright_using_subcommand up" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kubewright -n "__fish_kubewright_using_subcommand local; and not __fish_seen_subcommand_from start stop status kubeconfig serve help" -l state-dir -d 'Keep everything here, also over restarts [default: in memory, with the files of the running process below $XDG_RUNTIME_DIR or /tmp]' -r -f -a "(__fish_complete_directories)"
complete -c kubewright -n "__fish_kubewright_using_subcommand local; and not __fish_seen_subcommand_from start stop status kubeconfig serve help" -l log-format -d 'How log lines are written to standard error' -r -f -a "text\t'For people'
json\t'One JSON object in each line'"
complete -c kubewright -n "__fish_kubewright_using_subcommand local; and not __fish_seen_subcommand_from start stop status kubeconfig serve help" -l log-level -d 'A level (error, warn, info, debug, trace), or filter directives such as `info,kube=debug`' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand local; and not __fish_seen_subcommand_from start stop status kubeconfig serve help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kubewright -n "__fish_kubewright_using_subcommand local; and not __fish_seen_subcommand_from start stop status kubeconfig serve help" -f -a "start" -d 'Start it in the background'
complete -c kubewright -n "__fish_kubewright_using_subcommand local; and not __fish_seen_subcommand_from start stop status kubeconfig serve help" -f -a "stop" -d 'End it'
complete -c kubewright -n "__fish_kubewright_using_subcommand local; and not __fish_seen_subcommand_from start stop status kubeconfig serve help" -f -a "status" -d 'Say whether it runs: exit code 0 if it does, else 1'
complete -c kubewright -n "__fish_kubewright_using_subcommand local; and not __fish_seen_subcommand_from start stop status kubeconfig serve help" -f -a "kubeconfig" -d 'Print its kubeconfig'
complete -c kubewright -n "__fish_kubewright_using_subcommand local; and not __fish_seen_subcommand_from start stop status kubeconfig serve help" -f -a "serve" -d 'Run it in the foreground'
complete -c kubewright -n "__fish_kubewright_using_subcommand local; and not __fish_seen_subcommand_from start stop status kubeconfig serve help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c kubewright -n "__fish_kubewright_using_subcommand local; and __fish_seen_subcommand_from start" -l listen -d 'Where to listen; port 0 takes a free one' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand local; and __fish_seen_subcommand_from start" -l state-dir -d 'Keep everything here, also over restarts [default: in memory, with the files of the running process below $XDG_RUNTIME_DIR or /tmp]' -r -f -a "(__fish_complete_directories)"
complete -c kubewright -n "__fish_kubewright_using_subcommand local; and __fish_seen_subcommand_from start" -l log-format -d 'How log lines are written to standard error' -r -f -a "text\t'For people'
json\t'One JSON object in each line'"
complete -c kubewright -n "__fish_kubewright_using_subcommand local; and __fish_seen_subcommand_from start" -l log-level -d 'A level (error, warn, info, debug, trace), or filter directives such as `info,kube=debug`' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand local; and __fish_seen_subcommand_from start" -l dry-run -d 'Say what would be started and start nothing'
complete -c kubewright -n "__fish_kubewright_using_subcommand local; and __fish_seen_subcommand_from start" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kubewright -n "__fish_kubewright_using_subcommand local; and __fish_seen_subcommand_from stop" -l state-dir -d 'Keep everything here, also over restarts [default: in memory, with the files of the running process below $XDG_RUNTIME_DIR or /tmp]' -r -f -a "(__fish_complete_directories)"
complete -c kubewright -n "__fish_kubewright_using_subcommand local; and __fish_seen_subcommand_from stop" -l log-format -d 'How log lines are written to standard error' -r -f -a "text\t'For people'
json\t'One JSON object in each line'"
complete -c kubewright -n "__fish_kubewright_using_subcommand local; and __fish_seen_subcommand_from stop" -l log-level -d 'A level (error, warn, info, debug, trace), or filter directives such as `info,kube=debug`' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand local; and __fish_seen_subcommand_from stop" -l dry-run -d 'Say what would be ended and end nothing'
complete -c kubewright -n "__fish_kubewright_using_subcommand local; and __fish_seen_subcommand_from stop" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kubewright -n "__fish_kubewright_using_subcommand local; and __fish_seen_subcommand_from status" -s o -l output -d 'How to write the result' -r -f -a "table\t'For people'
json\t'For programs'
yaml\t'For programs and people'"
complete -c kubewright -n "__fish_kubewright_using_subcommand local; and __fish_seen_subcommand_from status" -l state-dir -d 'Keep everything here, also over restarts [default: in memory, with the files of the running process below $XDG_RUNTIME_DIR or /tmp]' -r -f -a "(__fish_complete_directories)"
complete -c kubewright -n "__fish_kubewright_using_subcommand local; and __fish_seen_subcommand_from status" -l log-format -d 'How log lines are written to standard error' -r -f -a "text\t'For people'
json\t'One JSON object in each line'"
complete -c kubewright -n "__fish_kubewright_using_subcommand local; and __fish_seen_subcommand_from status" -l log-level -d 'A level (error, warn, info, debug, trace), or filter directives such as `info,kube=debug`' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand local; and __fish_seen_subcommand_from status" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kubewright -n "__fish_kubewright_using_subcommand local; and __fish_seen_subcommand_from kubeconfig" -l state-dir -d 'Keep everything here, also over restarts [default: in memory, with the files of the running process below $XDG_RUNTIME_DIR or /tmp]' -r -f -a "(__fish_complete_directories)"
complete -c kubewright -n "__fish_kubewright_using_subcommand local; and __fish_seen_subcommand_from kubeconfig" -l log-format -d 'How log lines are written to standard error' -r -f -a "text\t'For people'
json\t'One JSON object in each line'"
complete -c kubewright -n "__fish_kubewright_using_subcommand local; and __fish_seen_subcommand_from kubeconfig" -l log-level -d 'A level (error, warn, info, debug, trace), or filter directives such as `info,kube=debug`' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand local; and __fish_seen_subcommand_from kubeconfig" -l path -d 'Print the name of the file instead'
complete -c kubewright -n "__fish_kubewright_using_subcommand local; and __fish_seen_subcommand_from kubeconfig" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kubewright -n "__fish_kubewright_using_subcommand local; and __fish_seen_subcommand_from serve" -l listen -d 'Where to listen; port 0 takes a free one' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand local; and __fish_seen_subcommand_from serve" -l state-dir -d 'Keep everything here, also over restarts [default: in memory, with the files of the running process below $XDG_RUNTIME_DIR or /tmp]' -r -f -a "(__fish_complete_directories)"
complete -c kubewright -n "__fish_kubewright_using_subcommand local; and __fish_seen_subcommand_from serve" -l log-format -d 'How log lines are written to standard error' -r -f -a "text\t'For people'
json\t'One JSON object in each line'"
complete -c kubewright -n "__fish_kubewright_using_subcommand local; and __fish_seen_subcommand_from serve" -l log-level -d 'A level (error, warn, info, debug, trace), or filter directives such as `info,kube=debug`' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand local; and __fish_seen_subcommand_from serve" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kubewright -n "__fish_kubewright_using_subcommand local; and __fish_seen_subcommand_from help" -f -a "start" -d 'Start it in the background'
complete -c kubewright -n "__fish_kubewright_using_subcommand local; and __fish_seen_subcommand_from help" -f -a "stop" -d 'End it'
complete -c kubewright -n "__fish_kubewright_using_subcommand local; and __fish_seen_subcommand_from help" -f -a "status" -d 'Say whether it runs: exit code 0 if it does, else 1'
complete -c kubewright -n "__fish_kubewright_using_subcommand local; and __fish_seen_subcommand_from help" -f -a "kubeconfig" -d 'Print its kubeconfig'
complete -c kubewright -n "__fish_kubewright_using_subcommand local; and __fish_seen_subcommand_from help" -f -a "serve" -d 'Run it in the foreground'
complete -c kubewright -n "__fish_kubewright_using_subcommand local; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c kubewright -n "__fish_kubewright_using_subcommand controllers" -l only -d 'Only these controllers [default: all]' -r -f -a "hostendpoint\t'Calico HostEndpoints for nodes'
peerpod\t'Capacity for peer pods, their adaptor and their webhook'
node\t'Requests of nodes for certificates, answered as a policy says'"
complete -c kubewright -n "__fish_kubewright_using_subcommand controllers" -l calico-group -d 'Group of Calico\'s resources: crd.projectcalico.org/v1 or projectcalico.org/v3 [default: by discovery]' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand controllers" -l grace-period -d 'Seconds that a node has to be gone before its endpoints are removed' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand controllers" -l mass-delete-percent -d 'Share of nodes losing protection at once that stops deletions' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand controllers" -l mass-delete-nodes -d 'Number of nodes losing protection at once that never stops deletions' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand controllers" -l concurrency -d 'Endpoints that are written at the same time' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand controllers" -l api-port -d 'Port that nodes reach the API server at, for the lockout preflight' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand controllers" -l dry-run -d 'Say what would be done and write nothing' -r -f -a "true\t''
false\t''"
complete -c kubewright -n "__fish_kubewright_using_subcommand controllers" -l node-condition -d 'When nodes get the condition HostProtected' -r -f -a "auto\t'On nodes that have the startup taint, a boot guard or the condition'
always\t'On every node that gets endpoints'
never\t'Never; taints stay too'"
complete -c kubewright -n "__fish_kubewright_using_subcommand controllers" -l resync-iters -d 'Accepted for compatibility: changes are watched, so nothing is left for a resync' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand controllers" -l peerpod-namespace -d 'Namespace of the adaptor and the webhook, and of the Secret and ConfigMap that configs name' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand controllers" -l peerpod-resource -d 'Extended resource of which a peer pod takes one' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand controllers" -l adaptor-image -d 'Image of the cloud-api-adaptor for configs that name none [default: that of the cloud]' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand controllers" -l webhook-image -d 'Image with the kubewright binary, for the Deployment of the webhook; without, none is deployed' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand controllers" -l peerpod-patience -d 'Seconds that a node has to be cordoned, not ready or tainted before its seats go elsewhere' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand controllers" -l acceptance-config-map -d 'ConfigMap with the policy that accepts nodes, in the namespace of the pod or context' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand controllers" -l health-address -d 'Where to answer /metrics, /healthz and /readyz: without an address on all of them, IPv4 and IPv6; port 0 takes a free one' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand controllers" -l lease-namespace -d 'Namespace of the Lease [default: that of the pod or context]' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand controllers" -l lease-duration -d 'Seconds without renewal after which another replica takes over' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand controllers" -l drain -d 'Seconds that controllers have to finish when they are told to stop' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand controllers" -l kubeconfig -d 'Kubeconfig file [default: the files of $KUBECONFIG, then ~/.kube/config, then the pod\'s service account]' -r -F
complete -c kubewright -n "__fish_kubewright_using_subcommand controllers" -l context -d 'Context of the kubeconfig [default: its current context]' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand controllers" -l log-format -d 'How log lines are written to standard error' -r -f -a "text\t'For people'
json\t'One JSON object in each line'"
complete -c kubewright -n "__fish_kubewright_using_subcommand controllers" -l log-level -d 'A level (error, warn, info, debug, trace), or filter directives such as `info,kube=debug`' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand controllers" -l confirm-mass-delete -d 'Delete however many nodes lose protection'
complete -c kubewright -n "__fish_kubewright_using_subcommand controllers" -l require-guard -d 'Count a node as protected only if its boot guard says so'
complete -c kubewright -n "__fish_kubewright_using_subcommand controllers" -l no-leader-election -d 'Lead without asking: only where no other replica can run'
complete -c kubewright -n "__fish_kubewright_using_subcommand controllers" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kubewright -n "__fish_kubewright_using_subcommand hostendpoint; and not __fish_seen_subcommand_from run plan guard help" -l kubeconfig -d 'Kubeconfig file [default: the files of $KUBECONFIG, then ~/.kube/config, then the pod\'s service account]' -r -F
complete -c kubewright -n "__fish_kubewright_using_subcommand hostendpoint; and not __fish_seen_subcommand_from run plan guard help" -l context -d 'Context of the kubeconfig [default: its current context]' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand hostendpoint; and not __fish_seen_subcommand_from run plan guard help" -l log-format -d 'How log lines are written to standard error' -r -f -a "text\t'For people'
json\t'One JSON object in each line'"
complete -c kubewright -n "__fish_kubewright_using_subcommand hostendpoint; and not __fish_seen_subcommand_from run plan guard help" -l log-level -d 'A level (error, warn, info, debug, trace), or filter directives such as `info,kube=debug`' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand hostendpoint; and not __fish_seen_subcommand_from run plan guard help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kubewright -n "__fish_kubewright_using_subcommand hostendpoint; and not __fish_seen_subcommand_from run plan guard help" -f -a "run" -d 'Run the HostEndpoint controller alone'
complete -c kubewright -n "__fish_kubewright_using_subcommand hostendpoint; and not __fish_seen_subcommand_from run plan guard help" -f -a "plan" -d 'Show what the controller would do, and do nothing'
complete -c kubewright -n "__fish_kubewright_using_subcommand hostendpoint; and not __fish_seen_subcommand_from run plan guard help" -f -a "guard" -d 'Close this node\'s interfaces from its start until its policy is in force'
complete -c kubewright -n "__fish_kubewright_using_subcommand hostendpoint; and not __fish_seen_subcommand_from run plan guard help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c kubewright -n "__fish_kubewright_using_subcommand hostendpoint; and __fish_seen_subcommand_from run" -l calico-group -d 'Group of Calico\'s resources: crd.projectcalico.org/v1 or projectcalico.org/v3 [default: by discovery]' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand hostendpoint; and __fish_seen_subcommand_from run" -l grace-period -d 'Seconds that a node has to be gone before its endpoints are removed' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand hostendpoint; and __fish_seen_subcommand_from run" -l mass-delete-percent -d 'Share of nodes losing protection at once that stops deletions' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand hostendpoint; and __fish_seen_subcommand_from run" -l mass-delete-nodes -d 'Number of nodes losing protection at once that never stops deletions' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand hostendpoint; and __fish_seen_subcommand_from run" -l concurrency -d 'Endpoints that are written at the same time' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand hostendpoint; and __fish_seen_subcommand_from run" -l api-port -d 'Port that nodes reach the API server at, for the lockout preflight' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand hostendpoint; and __fish_seen_subcommand_from run" -l dry-run -d 'Say what would be done and write nothing' -r -f -a "true\t''
false\t''"
complete -c kubewright -n "__fish_kubewright_using_subcommand hostendpoint; and __fish_seen_subcommand_from run" -l node-condition -d 'When nodes get the condition HostProtected' -r -f -a "auto\t'On nodes that have the startup taint, a boot guard or the condition'
always\t'On every node that gets endpoints'
never\t'Never; taints stay too'"
complete -c kubewright -n "__fish_kubewright_using_subcommand hostendpoint; and __fish_seen_subcommand_from run" -l resync-iters -d 'Accepted for compatibility: changes are watched, so nothing is left for a resync' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand hostendpoint; and __fish_seen_subcommand_from run" -l health-address -d 'Where to answer /metrics, /healthz and /readyz: without an address on all of them, IPv4 and IPv6; port 0 takes a free one' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand hostendpoint; and __fish_seen_subcommand_from run" -l lease-namespace -d 'Namespace of the Lease [default: that of the pod or context]' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand hostendpoint; and __fish_seen_subcommand_from run" -l lease-duration -d 'Seconds without renewal after which another replica takes over' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand hostendpoint; and __fish_seen_subcommand_from run" -l drain -d 'Seconds that controllers have to finish when they are told to stop' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand hostendpoint; and __fish_seen_subcommand_from run" -l kubeconfig -d 'Kubeconfig file [default: the files of $KUBECONFIG, then ~/.kube/config, then the pod\'s service account]' -r -F
complete -c kubewright -n "__fish_kubewright_using_subcommand hostendpoint; and __fish_seen_subcommand_from run" -l context -d 'Context of the kubeconfig [default: its current context]' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand hostendpoint; and __fish_seen_subcommand_from run" -l log-format -d 'How log lines are written to standard error' -r -f -a "text\t'For people'
json\t'One JSON object in each line'"
complete -c kubewright -n "__fish_kubewright_using_subcommand hostendpoint; and __fish_seen_subcommand_from run" -l log-level -d 'A level (error, warn, info, debug, trace), or filter directives such as `info,kube=debug`' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand hostendpoint; and __fish_seen_subcommand_from run" -l confirm-mass-delete -d 'Delete however many nodes lose protection'
complete -c kubewright -n "__fish_kubewright_using_subcommand hostendpoint; and __fish_seen_subcommand_from run" -l require-guard -d 'Count a node as protected only if its boot guard says so'
complete -c kubewright -n "__fish_kubewright_using_subcommand hostendpoint; and __fish_seen_subcommand_from run" -l no-leader-election -d 'Lead without asking: only where no other replica can run'
complete -c kubewright -n "__fish_kubewright_using_subcommand hostendpoint; and __fish_seen_subcommand_from run" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kubewright -n "__fish_kubewright_using_subcommand hostendpoint; and __fish_seen_subcommand_from plan" -s o -l output -d 'How to write the result' -r -f -a "table\t'For people'
json\t'For programs'
yaml\t'For programs and people'"
complete -c kubewright -n "__fish_kubewright_using_subcommand hostendpoint; and __fish_seen_subcommand_from plan" -s f -l templates -d 'Plan with the templates in this file instead of those in the cluster; `-` reads standard input' -r -F
complete -c kubewright -n "__fish_kubewright_using_subcommand hostendpoint; and __fish_seen_subcommand_from plan" -l from-calico -d 'Plan with templates made from Calico\'s KubeControllersConfiguration, of the cluster or of a file' -r -F
complete -c kubewright -n "__fish_kubewright_using_subcommand hostendpoint; and __fish_seen_subcommand_from plan" -l calico-group -d 'Group of Calico\'s resources: crd.projectcalico.org/v1 or projectcalico.org/v3 [default: by discovery]' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand hostendpoint; and __fish_seen_subcommand_from plan" -l grace-period -d 'Seconds that a node has to be gone before its endpoints are removed' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand hostendpoint; and __fish_seen_subcommand_from plan" -l mass-delete-percent -d 'Share of nodes losing protection at once that stops deletions' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand hostendpoint; and __fish_seen_subcommand_from plan" -l mass-delete-nodes -d 'Number of nodes losing protection at once that never stops deletions' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand hostendpoint; and __fish_seen_subcommand_from plan" -l concurrency -d 'Endpoints that are written at the same time' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand hostendpoint; and __fish_seen_subcommand_from plan" -l api-port -d 'Port that nodes reach the API server at, for the lockout preflight' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand hostendpoint; and __fish_seen_subcommand_from plan" -l dry-run -d 'Say what would be done and write nothing' -r -f -a "true\t''
false\t''"
complete -c kubewright -n "__fish_kubewright_using_subcommand hostendpoint; and __fish_seen_subcommand_from plan" -l node-condition -d 'When nodes get the condition HostProtected' -r -f -a "auto\t'On nodes that have the startup taint, a boot guard or the condition'
always\t'On every node that gets endpoints'
never\t'Never; taints stay too'"
complete -c kubewright -n "__fish_kubewright_using_subcommand hostendpoint; and __fish_seen_subcommand_from plan" -l resync-iters -d 'Accepted for compatibility: changes are watched, so nothing is left for a resync' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand hostendpoint; and __fish_seen_subcommand_from plan" -l kubeconfig -d 'Kubeconfig file [default: the files of $KUBECONFIG, then ~/.kube/config, then the pod\'s service account]' -r -F
complete -c kubewright -n "__fish_kubewright_using_subcommand hostendpoint; and __fish_seen_subcommand_from plan" -l context -d 'Context of the kubeconfig [default: its current context]' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand hostendpoint; and __fish_seen_subcommand_from plan" -l log-format -d 'How log lines are written to standard error' -r -f -a "text\t'For people'
json\t'One JSON object in each line'"
complete -c kubewright -n "__fish_kubewright_using_subcommand hostendpoint; and __fish_seen_subcommand_from plan" -l log-level -d 'A level (error, warn, info, debug, trace), or filter directives such as `info,kube=debug`' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand hostendpoint; and __fish_seen_subcommand_from plan" -l print-templates -d 'Print those templates, for `kubectl apply -f -`, instead of a plan'
complete -c kubewright -n "__fish_kubewright_using_subcommand hostendpoint; and __fish_seen_subcommand_from plan" -l confirm-mass-delete -d 'Delete however many nodes lose protection'
complete -c kubewright -n "__fish_kubewright_using_subcommand hostendpoint; and __fish_seen_subcommand_from plan" -l require-guard -d 'Count a node as protected only if its boot guard says so'
complete -c kubewright -n "__fish_kubewright_using_subcommand hostendpoint; and __fish_seen_subcommand_from plan" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kubewright -n "__fish_kubewright_using_subcommand hostendpoint; and __fish_seen_subcommand_from guard" -l kubeconfig -d 'Kubeconfig file [default: the files of $KUBECONFIG, then ~/.kube/config, then the pod\'s service account]' -r -F
complete -c kubewright -n "__fish_kubewright_using_subcommand hostendpoint; and __fish_seen_subcommand_from guard" -l context -d 'Context of the kubeconfig [default: its current context]' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand hostendpoint; and __fish_seen_subcommand_from guard" -l log-format -d 'How log lines are written to standard error' -r -f -a "text\t'For people'
json\t'One JSON object in each line'"
complete -c kubewright -n "__fish_kubewright_using_subcommand hostendpoint; and __fish_seen_subcommand_from guard" -l log-level -d 'A level (error, warn, info, debug, trace), or filter directives such as `info,kube=debug`' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand hostendpoint; and __fish_seen_subcommand_from guard" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kubewright -n "__fish_kubewright_using_subcommand hostendpoint; and __fish_seen_subcommand_from guard" -f -a "lock" -d 'Close this node\'s interfaces until its policy is in force'
complete -c kubewright -n "__fish_kubewright_using_subcommand hostendpoint; and __fish_seen_subcommand_from guard" -f -a "release" -d 'Wait until policy is in force, then open the node'
complete -c kubewright -n "__fish_kubewright_using_subcommand hostendpoint; and __fish_seen_subcommand_from guard" -f -a "status" -d 'Say whether the node is locked and what is still missing: exit code 1 if it is exposed'
complete -c kubewright -n "__fish_kubewright_using_subcommand hostendpoint; and __fish_seen_subcommand_from guard" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c kubewright -n "__fish_kubewright_using_subcommand hostendpoint; and __fish_seen_subcommand_from help" -f -a "run" -d 'Run the HostEndpoint controller alone'
complete -c kubewright -n "__fish_kubewright_using_subcommand hostendpoint; and __fish_seen_subcommand_from help" -f -a "plan" -d 'Show what the controller would do, and do nothing'
complete -c kubewright -n "__fish_kubewright_using_subcommand hostendpoint; and __fish_seen_subcommand_from help" -f -a "guard" -d 'Close this node\'s interfaces from its start until its policy is in force'
complete -c kubewright -n "__fish_kubewright_using_subcommand hostendpoint; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c kubewright -n "__fish_kubewright_using_subcommand podnet; and not __fish_seen_subcommand_from agent attach detach list install uninstall help" -l kubeconfig -d 'Kubeconfig file [default: the files of $KUBECONFIG, then ~/.kube/config, then the pod\'s service account]' -r -F
complete -c kubewright -n "__fish_kubewright_using_subcommand podnet; and not __fish_seen_subcommand_from agent attach detach list install uninstall help" -l context -d 'Context of the kubeconfig [default: its current context]' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand podnet; and not __fish_seen_subcommand_from agent attach detach list install uninstall help" -l log-format -d 'How log lines are written to standard error' -r -f -a "text\t'For people'
json\t'One JSON object in each line'"
complete -c kubewright -n "__fish_kubewright_using_subcommand podnet; and not __fish_seen_subcommand_from agent attach detach list install uninstall help" -l log-level -d 'A level (error, warn, info, debug, trace), or filter directives such as `info,kube=debug`' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand podnet; and not __fish_seen_subcommand_from agent attach detach list install uninstall help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kubewright -n "__fish_kubewright_using_subcommand podnet; and not __fish_seen_subcommand_from agent attach detach list install uninstall help" -f -a "agent" -d 'Attach the running pods of this node to the networks that their annotations name'
complete -c kubewright -n "__fish_kubewright_using_subcommand podnet; and not __fish_seen_subcommand_from agent attach detach list install uninstall help" -f -a "attach" -d 'Attach a running pod to a network'
complete -c kubewright -n "__fish_kubewright_using_subcommand podnet; and not __fish_seen_subcommand_from agent attach detach list install uninstall help" -f -a "detach" -d 'Detach a running pod from a network'
complete -c kubewright -n "__fish_kubewright_using_subcommand podnet; and not __fish_seen_subcommand_from agent attach detach list install uninstall help" -f -a "list" -d 'List the networks of a pod: those it asks for, and those it has'
complete -c kubewright -n "__fish_kubewright_using_subcommand podnet; and not __fish_seen_subcommand_from agent attach detach list install uninstall help" -f -a "install" -d 'Make kubewright the node\'s first CNI configuration'
complete -c kubewright -n "__fish_kubewright_using_subcommand podnet; and not __fish_seen_subcommand_from agent attach detach list install uninstall help" -f -a "uninstall" -d 'Give the node its previous first CNI configuration back'
complete -c kubewright -n "__fish_kubewright_using_subcommand podnet; and not __fish_seen_subcommand_from agent attach detach list install uninstall help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c kubewright -n "__fish_kubewright_using_subcommand podnet; and __fish_seen_subcommand_from agent" -l node -d 'Name of this node at the API server [default: the name of the host]' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand podnet; and __fish_seen_subcommand_from agent" -l runtime-endpoint -d 'Socket of the container runtime [default: as crictl finds it]' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand podnet; and __fish_seen_subcommand_from agent" -l container-type -d 'Kind of the container runtime, as podagent takes it: containerd, crio or docker' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand podnet; and __fish_seen_subcommand_from agent" -l docker-endpoint -d 'Socket of Docker, as podagent takes it' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand podnet; and __fish_seen_subcommand_from agent" -l cni-bin-dir -d 'Folders of CNI plugins, searched in this order' -r -F
complete -c kubewright -n "__fish_kubewright_using_subcommand podnet; and __fish_seen_subcommand_from agent" -l host-root -d 'Where the node\'s root is mounted in the agent\'s container: plugins are searched and run in it' -r -F
complete -c kubewright -n "__fish_kubewright_using_subcommand podnet; and __fish_seen_subcommand_from agent" -l cni-conf-dir -d 'Folder of the node\'s CNI configurations' -r -F
complete -c kubewright -n "__fish_kubewright_using_subcommand podnet; and __fish_seen_subcommand_from agent" -l cni-vendor-name -d 'Search plugins in /opt/NAME/cni/bin first, as podagent does' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand podnet; and __fish_seen_subcommand_from agent" -l logtostderr -d 'Accepted, as podagent\'s manifests give it: logs go to standard error anyway' -r -f -a "true\t''
false\t''"
complete -c kubewright -n "__fish_kubewright_using_subcommand podnet; and __fish_seen_subcommand_from agent" -l cni-cache-dir -d 'Folder of libcni\'s cache, shared with the container runtime' -r -F
complete -c kubewright -n "__fish_kubewright_using_subcommand podnet; and __fish_seen_subcommand_from agent" -l state-dir -d 'Folder of the records' -r -F
complete -c kubewright -n "__fish_kubewright_using_subcommand podnet; and __fish_seen_subcommand_from agent" -l socket -d 'Where to answer the plugin that the container runtime calls' -r -F
complete -c kubewright -n "__fish_kubewright_using_subcommand podnet; and __fish_seen_subcommand_from agent" -l pod-resources-socket -d 'Where the kubelet tells which devices it has allocated' -r -F
complete -c kubewright -n "__fish_kubewright_using_subcommand podnet; and __fish_seen_subcommand_from agent" -l interface-names -d 'How interfaces are named that the annotation gives no name: hash, as podagent names them, or netN' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand podnet; and __fish_seen_subcommand_from agent" -l meta-plugin -d 'Let this meta-plugin attach, called as podagent calls kactus: its type, or its configuration' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand podnet; and __fish_seen_subcommand_from agent" -l workers -d 'Pods that are worked on at the same time' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand podnet; and __fish_seen_subcommand_from agent" -l plugin-timeout -d 'Seconds that one call of a plugin may take' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand podnet; and __fish_seen_subcommand_from agent" -l health-address -d 'Where to answer /metrics, /healthz and /readyz: without an address on all of them, IPv4 and IPv6; port 0 takes a free one' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand podnet; and __fish_seen_subcommand_from agent" -l drain -d 'Seconds that plugins have to finish when the agent is told to stop' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand podnet; and __fish_seen_subcommand_from agent" -l kubeconfig -d 'Kubeconfig file [default: the files of $KUBECONFIG, then ~/.kube/config, then the pod\'s service account]' -r -F
complete -c kubewright -n "__fish_kubewright_using_subcommand podnet; and __fish_seen_subcommand_from agent" -l context -d 'Context of the kubeconfig [default: its current context]' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand podnet; and __fish_seen_subcommand_from agent" -l log-format -d 'How log lines are written to standard error' -r -f -a "text\t'For people'
json\t'One JSON object in each line'"
complete -c kubewright -n "__fish_kubewright_using_subcommand podnet; and __fish_seen_subcommand_from agent" -l log-level -d 'A level (error, warn, info, debug, trace), or filter directives such as `info,kube=debug`' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand podnet; and __fish_seen_subcommand_from agent" -l namespace-isolation -d 'Let pods use networks of their own namespace and of `default` only'
complete -c kubewright -n "__fish_kubewright_using_subcommand podnet; and __fish_seen_subcommand_from agent" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kubewright -n "__fish_kubewright_using_subcommand podnet; and __fish_seen_subcommand_from agent" -f -a "kubeconfig" -d 'Write a kubeconfig for an agent that is no pod'
complete -c kubewright -n "__fish_kubewright_using_subcommand podnet; and __fish_seen_subcommand_from agent" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c kubewright -n "__fish_kubewright_using_subcommand podnet; and __fish_seen_subcommand_from attach" -s n -l namespace -d 'Namespace of the pod [default: that of the context]' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand podnet; and __fish_seen_subcommand_from attach" -l interface -d 'Name of the interface in the pod [default: made from the network\'s name]' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand podnet; and __fish_seen_subcommand_from attach" -l mac -d 'Hardware address of the interface' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand podnet; and __fish_seen_subcommand_from attach" -l ip -d 'Address of the interface, with its prefix; may be given more than once' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand podnet; and __fish_seen_subcommand_from attach" -l timeout -d 'Seconds to wait' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand podnet; and __fish_seen_subcommand_from attach" -s o -l output -d 'How to write the result' -r -f -a "table\t'For people'
json\t'For programs'
yaml\t'For programs and people'"
complete -c kubewright -n "__fish_kubewright_using_subcommand podnet; and __fish_seen_subcommand_from attach" -l kubeconfig -d 'Kubeconfig file [default: the files of $KUBECONFIG, then ~/.kube/config, then the pod\'s service account]' -r -F
complete -c kubewright -n "__fish_kubewright_using_subcommand podnet; and __fish_seen_subcommand_from attach" -l context -d 'Context of the kubeconfig [default: its current context]' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand podnet; and __fish_seen_subcommand_from attach" -l log-format -d 'How log lines are written to standard error' -r -f -a "text\t'For people'
json\t'One JSON object in each line'"
complete -c kubewright -n "__fish_kubewright_using_subcommand podnet; and __fish_seen_subcommand_from attach" -l log-level -d 'A level (error, warn, info, debug, trace), or filter directives such as `info,kube=debug`' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand podnet; and __fish_seen_subcommand_from attach" -l dry-run -d 'Let the API server say whether it would take the change, and change nothing'
complete -c kubewright -n "__fish_kubewright_using_subcommand podnet; and __fish_seen_subcommand_from attach" -l no-wait -d 'Do not wait for what comes of it'
complete -c kubewright -n "__fish_kubewright_using_subcommand podnet; and __fish_seen_subcommand_from attach" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kubewright -n "__fish_kubewright_using_subcommand podnet; and __fish_seen_subcommand_from detach" -s n -l namespace -d 'Namespace of the pod [default: that of the context]' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand podnet; and __fish_seen_subcommand_from detach" -l interface -d 'Which interface, where the pod has several of the network' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand podnet; and __fish_seen_subcommand_from detach" -l timeout -d 'Seconds to wait' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand podnet; and __fish_seen_subcommand_from detach" -s o -l output -d 'How to write the result' -r -f -a "table\t'For people'
json\t'For programs'
yaml\t'For programs and people'"
complete -c kubewright -n "__fish_kubewright_using_subcommand podnet; and __fish_seen_subcommand_from detach" -l kubeconfig -d 'Kubeconfig file [default: the files of $KUBECONFIG, then ~/.kube/config, then the pod\'s service account]' -r -F
complete -c kubewright -n "__fish_kubewright_using_subcommand podnet; and __fish_seen_subcommand_from detach" -l context -d 'Context of the kubeconfig [default: its current context]' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand podnet; and __fish_seen_subcommand_from detach" -l log-format -d 'How log lines are written to standard error' -r -f -a "text\t'For people'
json\t'One JSON object in each line'"
complete -c kubewright -n "__fish_kubewright_using_subcommand podnet; and __fish_seen_subcommand_from detach" -l log-level -d 'A level (error, warn, info, debug, trace), or filter directives such as `info,kube=debug`' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand podnet; and __fish_seen_subcommand_from detach" -l dry-run -d 'Let the API server say whether it would take the change, and change nothing'
complete -c kubewright -n "__fish_kubewright_using_subcommand podnet; and __fish_seen_subcommand_from detach" -l no-wait -d 'Do not wait for what comes of it'
complete -c kubewright -n "__fish_kubewright_using_subcommand podnet; and __fish_seen_subcommand_from detach" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kubewright -n "__fish_kubewright_using_subcommand podnet; and __fish_seen_subcommand_from list" -s n -l namespace -d 'Namespace of the pod [default: that of the context]' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand podnet; and __fish_seen_subcommand_from list" -s o -l output -d 'How to write the result' -r -f -a "table\t'For people'
json\t'For programs'
yaml\t'For programs and people'"
complete -c kubewright -n "__fish_kubewright_using_subcommand podnet; and __fish_seen_subcommand_from list" -l kubeconfig -d 'Kubeconfig file [default: the files of $KUBECONFIG, then ~/.kube/config, then the pod\'s service account]' -r -F
complete -c kubewright -n "__fish_kubewright_using_subcommand podnet; and __fish_seen_subcommand_from list" -l context -d 'Context of the kubeconfig [default: its current context]' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand podnet; and __fish_seen_subcommand_from list" -l log-format -d 'How log lines are written to standard error' -r -f -a "text\t'For people'
json\t'One JSON object in each line'"
complete -c kubewright -n "__fish_kubewright_using_subcommand podnet; and __fish_seen_subcommand_from list" -l log-level -d 'A level (error, warn, info, debug, trace), or filter directives such as `info,kube=debug`' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand podnet; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kubewright -n "__fish_kubewright_using_subcommand podnet; and __fish_seen_subcommand_from install" -l cni-conf-dir -d 'Where the runtime reads network configurations' -r -F
complete -c kubewright -n "__fish_kubewright_using_subcommand podnet; and __fish_seen_subcommand_from install" -l cni-bin-dir -d 'Where the runtime searches CNI plugins; of several, as the agent takes them, the first' -r -F
complete -c kubewright -n "__fish_kubewright_using_subcommand podnet; and __fish_seen_subcommand_from install" -l cni-cache-dir -d 'Where the runtime and the agent keep libcni\'s cache' -r -F
complete -c kubewright -n "__fish_kubewright_using_subcommand podnet; and __fish_seen_subcommand_from install" -l state-dir -d 'Where the agent records what it attached' -r -F
complete -c kubewright -n "__fish_kubewright_using_subcommand podnet; and __fish_seen_subcommand_from install" -l plugin -d 'The plugin to copy; by default the one beside this program, or the packaged one' -r -F
complete -c kubewright -n "__fish_kubewright_using_subcommand podnet; and __fish_seen_subcommand_from install" -l socket -d 'Where the agent listens for the plugin' -r -F
complete -c kubewright -n "__fish_kubewright_using_subcommand podnet; and __fish_seen_subcommand_from install" -l default-network -d 'Network that every pod gets, by name; by default that of the first other configuration' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand podnet; and __fish_seen_subcommand_from install" -l meta-plugin -d 'Leave the first place to this meta-plugin, by file or type, and install nothing' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand podnet; and __fish_seen_subcommand_from install" -s o -l output -d 'How to write the result' -r -f -a "table\t'For people'
json\t'For programs'
yaml\t'For programs and people'"
complete -c kubewright -n "__fish_kubewright_using_subcommand podnet; and __fish_seen_subcommand_from install" -l kubeconfig -d 'Kubeconfig file [default: the files of $KUBECONFIG, then ~/.kube/config, then the pod\'s service account]' -r -F
complete -c kubewright -n "__fish_kubewright_using_subcommand podnet; and __fish_seen_subcommand_from install" -l context -d 'Context of the kubeconfig [default: its current context]' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand podnet; and __fish_seen_subcommand_from install" -l log-format -d 'How log lines are written to standard error' -r -f -a "text\t'For people'
json\t'One JSON object in each line'"
complete -c kubewright -n "__fish_kubewright_using_subcommand podnet; and __fish_seen_subcommand_from install" -l log-level -d 'A level (error, warn, info, debug, trace), or filter directives such as `info,kube=debug`' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand podnet; and __fish_seen_subcommand_from install" -l dry-run -d 'Say what would be done and write nothing'
complete -c kubewright -n "__fish_kubewright_using_subcommand podnet; and __fish_seen_subcommand_from install" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kubewright -n "__fish_kubewright_using_subcommand podnet; and __fish_seen_subcommand_from uninstall" -l cni-conf-dir -d 'Where the runtime reads network configurations' -r -F
complete -c kubewright -n "__fish_kubewright_using_subcommand podnet; and __fish_seen_subcommand_from uninstall" -l cni-bin-dir -d 'Where the runtime searches CNI plugins; of several, as the agent takes them, the first' -r -F
complete -c kubewright -n "__fish_kubewright_using_subcommand podnet; and __fish_seen_subcommand_from uninstall" -l cni-cache-dir -d 'Where the runtime and the agent keep libcni\'s cache' -r -F
complete -c kubewright -n "__fish_kubewright_using_subcommand podnet; and __fish_seen_subcommand_from uninstall" -l state-dir -d 'Where the agent records what it attached' -r -F
complete -c kubewright -n "__fish_kubewright_using_subcommand podnet; and __fish_seen_subcommand_from uninstall" -s o -l output -d 'How to write the result' -r -f -a "table\t'For people'
json\t'For programs'
yaml\t'For programs and people'"
complete -c kubewright -n "__fish_kubewright_using_subcommand podnet; and __fish_seen_subcommand_from uninstall" -l kubeconfig -d 'Kubeconfig file [default: the files of $KUBECONFIG, then ~/.kube/config, then the pod\'s service account]' -r -F
complete -c kubewright -n "__fish_kubewright_using_subcommand podnet; and __fish_seen_subcommand_from uninstall" -l context -d 'Context of the kubeconfig [default: its current context]' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand podnet; and __fish_seen_subcommand_from uninstall" -l log-format -d 'How log lines are written to standard error' -r -f -a "text\t'For people'
json\t'One JSON object in each line'"
complete -c kubewright -n "__fish_kubewright_using_subcommand podnet; and __fish_seen_subcommand_from uninstall" -l log-level -d 'A level (error, warn, info, debug, trace), or filter directives such as `info,kube=debug`' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand podnet; and __fish_seen_subcommand_from uninstall" -l dry-run -d 'Say what would be done and write nothing'
complete -c kubewright -n "__fish_kubewright_using_subcommand podnet; and __fish_seen_subcommand_from uninstall" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kubewright -n "__fish_kubewright_using_subcommand podnet; and __fish_seen_subcommand_from help" -f -a "agent" -d 'Attach the running pods of this node to the networks that their annotations name'
complete -c kubewright -n "__fish_kubewright_using_subcommand podnet; and __fish_seen_subcommand_from help" -f -a "attach" -d 'Attach a running pod to a network'
complete -c kubewright -n "__fish_kubewright_using_subcommand podnet; and __fish_seen_subcommand_from help" -f -a "detach" -d 'Detach a running pod from a network'
complete -c kubewright -n "__fish_kubewright_using_subcommand podnet; and __fish_seen_subcommand_from help" -f -a "list" -d 'List the networks of a pod: those it asks for, and those it has'
complete -c kubewright -n "__fish_kubewright_using_subcommand podnet; and __fish_seen_subcommand_from help" -f -a "install" -d 'Make kubewright the node\'s first CNI configuration'
complete -c kubewright -n "__fish_kubewright_using_subcommand podnet; and __fish_seen_subcommand_from help" -f -a "uninstall" -d 'Give the node its previous first CNI configuration back'
complete -c kubewright -n "__fish_kubewright_using_subcommand podnet; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c kubewright -n "__fish_kubewright_using_subcommand peerpod; and not __fish_seen_subcommand_from run plan webhook help" -l log-format -d 'How log lines are written to standard error' -r -f -a "text\t'For people'
json\t'One JSON object in each line'"
complete -c kubewright -n "__fish_kubewright_using_subcommand peerpod; and not __fish_seen_subcommand_from run plan webhook help" -l log-level -d 'A level (error, warn, info, debug, trace), or filter directives such as `info,kube=debug`' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand peerpod; and not __fish_seen_subcommand_from run plan webhook help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kubewright -n "__fish_kubewright_using_subcommand peerpod; and not __fish_seen_subcommand_from run plan webhook help" -f -a "run" -d 'Run the peer-pod controller alone'
complete -c kubewright -n "__fish_kubewright_using_subcommand peerpod; and not __fish_seen_subcommand_from run plan webhook help" -f -a "plan" -d 'Show how many peer pods each node would advertise and why, and write nothing'
complete -c kubewright -n "__fish_kubewright_using_subcommand peerpod; and not __fish_seen_subcommand_from run plan webhook help" -f -a "webhook" -d 'Serve the webhook that makes pods of a runtime class peer pods'
complete -c kubewright -n "__fish_kubewright_using_subcommand peerpod; and not __fish_seen_subcommand_from run plan webhook help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c kubewright -n "__fish_kubewright_using_subcommand peerpod; and __fish_seen_subcommand_from run" -l peerpod-namespace -d 'Namespace of the adaptor and the webhook, and of the Secret and ConfigMap that configs name' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand peerpod; and __fish_seen_subcommand_from run" -l peerpod-resource -d 'Extended resource of which a peer pod takes one' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand peerpod; and __fish_seen_subcommand_from run" -l adaptor-image -d 'Image of the cloud-api-adaptor for configs that name none [default: that of the cloud]' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand peerpod; and __fish_seen_subcommand_from run" -l webhook-image -d 'Image with the kubewright binary, for the Deployment of the webhook; without, none is deployed' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand peerpod; and __fish_seen_subcommand_from run" -l peerpod-patience -d 'Seconds that a node has to be cordoned, not ready or tainted before its seats go elsewhere' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand peerpod; and __fish_seen_subcommand_from run" -l health-address -d 'Where to answer /metrics, /healthz and /readyz: without an address on all of them, IPv4 and IPv6; port 0 takes a free one' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand peerpod; and __fish_seen_subcommand_from run" -l lease-namespace -d 'Namespace of the Lease [default: that of the pod or context]' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand peerpod; and __fish_seen_subcommand_from run" -l lease-duration -d 'Seconds without renewal after which another replica takes over' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand peerpod; and __fish_seen_subcommand_from run" -l drain -d 'Seconds that controllers have to finish when they are told to stop' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand peerpod; and __fish_seen_subcommand_from run" -l kubeconfig -d 'Kubeconfig file [default: the files of $KUBECONFIG, then ~/.kube/config, then the pod\'s service account]' -r -F
complete -c kubewright -n "__fish_kubewright_using_subcommand peerpod; and __fish_seen_subcommand_from run" -l context -d 'Context of the kubeconfig [default: its current context]' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand peerpod; and __fish_seen_subcommand_from run" -l log-format -d 'How log lines are written to standard error' -r -f -a "text\t'For people'
json\t'One JSON object in each line'"
complete -c kubewright -n "__fish_kubewright_using_subcommand peerpod; and __fish_seen_subcommand_from run" -l log-level -d 'A level (error, warn, info, debug, trace), or filter directives such as `info,kube=debug`' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand peerpod; and __fish_seen_subcommand_from run" -l no-leader-election -d 'Lead without asking: only where no other replica can run'
complete -c kubewright -n "__fish_kubewright_using_subcommand peerpod; and __fish_seen_subcommand_from run" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kubewright -n "__fish_kubewright_using_subcommand peerpod; and __fish_seen_subcommand_from plan" -s o -l output -d 'How to write the result' -r -f -a "table\t'For people'
json\t'For programs'
yaml\t'For programs and people'"
complete -c kubewright -n "__fish_kubewright_using_subcommand peerpod; and __fish_seen_subcommand_from plan" -l peerpod-namespace -d 'Namespace of the adaptor and the webhook, and of the Secret and ConfigMap that configs name' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand peerpod; and __fish_seen_subcommand_from plan" -l peerpod-resource -d 'Extended resource of which a peer pod takes one' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand peerpod; and __fish_seen_subcommand_from plan" -l adaptor-image -d 'Image of the cloud-api-adaptor for configs that name none [default: that of the cloud]' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand peerpod; and __fish_seen_subcommand_from plan" -l webhook-image -d 'Image with the kubewright binary, for the Deployment of the webhook; without, none is deployed' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand peerpod; and __fish_seen_subcommand_from plan" -l peerpod-patience -d 'Seconds that a node has to be cordoned, not ready or tainted before its seats go elsewhere' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand peerpod; and __fish_seen_subcommand_from plan" -l kubeconfig -d 'Kubeconfig file [default: the files of $KUBECONFIG, then ~/.kube/config, then the pod\'s service account]' -r -F
complete -c kubewright -n "__fish_kubewright_using_subcommand peerpod; and __fish_seen_subcommand_from plan" -l context -d 'Context of the kubeconfig [default: its current context]' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand peerpod; and __fish_seen_subcommand_from plan" -l log-format -d 'How log lines are written to standard error' -r -f -a "text\t'For people'
json\t'One JSON object in each line'"
complete -c kubewright -n "__fish_kubewright_using_subcommand peerpod; and __fish_seen_subcommand_from plan" -l log-level -d 'A level (error, warn, info, debug, trace), or filter directives such as `info,kube=debug`' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand peerpod; and __fish_seen_subcommand_from plan" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kubewright -n "__fish_kubewright_using_subcommand peerpod; and __fish_seen_subcommand_from webhook" -l listen -d 'Where to serve; without an address on all of them, IPv4 and IPv6' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand peerpod; and __fish_seen_subcommand_from webhook" -l tls-dir -d 'Folder with tls.crt and tls.key, which may be exchanged at any time' -r -f -a "(__fish_complete_directories)"
complete -c kubewright -n "__fish_kubewright_using_subcommand peerpod; and __fish_seen_subcommand_from webhook" -l health-address -d 'Where to answer /metrics, /healthz and /readyz without TLS [default: nowhere]' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand peerpod; and __fish_seen_subcommand_from webhook" -l runtime-class -d 'Pods of this runtime class become peer pods' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand peerpod; and __fish_seen_subcommand_from webhook" -l resource -d 'Extended resource of which a peer pod takes one' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand peerpod; and __fish_seen_subcommand_from webhook" -l instance-type -d 'Instance type of VMs whose pod names none' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand peerpod; and __fish_seen_subcommand_from webhook" -l log-format -d 'How log lines are written to standard error' -r -f -a "text\t'For people'
json\t'One JSON object in each line'"
complete -c kubewright -n "__fish_kubewright_using_subcommand peerpod; and __fish_seen_subcommand_from webhook" -l log-level -d 'A level (error, warn, info, debug, trace), or filter directives such as `info,kube=debug`' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand peerpod; and __fish_seen_subcommand_from webhook" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kubewright -n "__fish_kubewright_using_subcommand peerpod; and __fish_seen_subcommand_from help" -f -a "run" -d 'Run the peer-pod controller alone'
complete -c kubewright -n "__fish_kubewright_using_subcommand peerpod; and __fish_seen_subcommand_from help" -f -a "plan" -d 'Show how many peer pods each node would advertise and why, and write nothing'
complete -c kubewright -n "__fish_kubewright_using_subcommand peerpod; and __fish_seen_subcommand_from help" -f -a "webhook" -d 'Serve the webhook that makes pods of a runtime class peer pods'
complete -c kubewright -n "__fish_kubewright_using_subcommand peerpod; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c kubewright -n "__fish_kubewright_using_subcommand node; and not __fish_seen_subcommand_from init join status token pending accept reject remove reset config cloud-init serve help" -l log-format -d 'How log lines are written to standard error' -r -f -a "text\t'For people'
json\t'One JSON object in each line'"
complete -c kubewright -n "__fish_kubewright_using_subcommand node; and not __fish_seen_subcommand_from init join status token pending accept reject remove reset config cloud-init serve help" -l log-level -d 'A level (error, warn, info, debug, trace), or filter directives such as `info,kube=debug`' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand node; and not __fish_seen_subcommand_from init join status token pending accept reject remove reset config cloud-init serve help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kubewright -n "__fish_kubewright_using_subcommand node; and not __fish_seen_subcommand_from init join status token pending accept reject remove reset config cloud-init serve help" -f -a "init" -d 'Make this machine the first node of a new cluster'
complete -c kubewright -n "__fish_kubewright_using_subcommand node; and not __fish_seen_subcommand_from init join status token pending accept reject remove reset config cloud-init serve help" -f -a "join" -d 'Make this machine a node of a cluster'
complete -c kubewright -n "__fish_kubewright_using_subcommand node; and not __fish_seen_subcommand_from init join status token pending accept reject remove reset config cloud-init serve help" -f -a "status" -d 'Say what this machine is and whether its service runs: exit code 0 if it is as it should be, else 1'
complete -c kubewright -n "__fish_kubewright_using_subcommand node; and not __fish_seen_subcommand_from init join status token pending accept reject remove reset config cloud-init serve help" -f -a "token" -d 'Make, list, show and delete bootstrap tokens'
complete -c kubewright -n "__fish_kubewright_using_subcommand node; and not __fish_seen_subcommand_from init join status token pending accept reject remove reset config cloud-init serve help" -f -a "pending" -d 'List the nodes that wait to be accepted'
complete -c kubewright -n "__fish_kubewright_using_subcommand node; and not __fish_seen_subcommand_from init join status token pending accept reject remove reset config cloud-init serve help" -f -a "accept" -d 'Accept nodes that wait, by name or by a policy'
complete -c kubewright -n "__fish_kubewright_using_subcommand node; and not __fish_seen_subcommand_from init join status token pending accept reject remove reset config cloud-init serve help" -f -a "reject" -d 'Reject a node that waits'
complete -c kubewright -n "__fish_kubewright_using_subcommand node; and not __fish_seen_subcommand_from init join status token pending accept reject remove reset config cloud-init serve help" -f -a "remove" -d 'Cordon and drain a node, and delete it with all that stands for it'
complete -c kubewright -n "__fish_kubewright_using_subcommand node; and not __fish_seen_subcommand_from init join status token pending accept reject remove reset config cloud-init serve help" -f -a "reset" -d 'Make this machine free: no node of any cluster, and nothing left of one'
complete -c kubewright -n "__fish_kubewright_using_subcommand node; and not __fish_seen_subcommand_from init join status token pending accept reject remove reset config cloud-init serve help" -f -a "config" -d 'Check the configuration of a machine, print its defaults, or migrate one of kubic-init'
complete -c kubewright -n "__fish_kubewright_using_subcommand node; and not __fish_seen_subcommand_from init join status token pending accept reject remove reset config cloud-init serve help" -f -a "cloud-init" -d 'Print the user data with which cloud-init makes a machine a seeder or a node'
complete -c kubewright -n "__fish_kubewright_using_subcommand node; and not __fish_seen_subcommand_from init join status token pending accept reject remove reset config cloud-init serve help" -f -a "serve" -d 'Run the service of this machine in the foreground, for systemd'
complete -c kubewright -n "__fish_kubewright_using_subcommand node; and not __fish_seen_subcommand_from init join status token pending accept reject remove reset config cloud-init serve help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c kubewright -n "__fish_kubewright_using_subcommand node; and __fish_seen_subcommand_from init" -l config -d 'Configuration of the machine [default: /etc/kubewright/node.yaml, if it is there]' -r -F
complete -c kubewright -n "__fish_kubewright_using_subcommand node; and __fish_seen_subcommand_from init" -l var -d 'One value of the configuration, in place of the file\'s and the environment\'s' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand node; and __fish_seen_subcommand_from init" -l name -d 'Name of the node [default: the host\'s]' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand node; and __fish_seen_subcommand_from init" -l state-dir -d 'Folder with the state of this machine [default: /var/lib/kubewright/node]' -r -f -a "(__fish_complete_directories)"
complete -c kubewright -n "__fish_kubewright_using_subcommand node; and __fish_seen_subcommand_from init" -l engine -d 'What brings the machine up [default: kubeadm where it is installed]' -r -f -a "kubeadm\t'kubeadm'
embedded\t'That of kubewright, which starts no pods'"
complete -c kubewright -n "__fish_kubewright_using_subcommand node; and __fish_seen_subcommand_from init" -l address -d 'Address of this machine for others, and where the API server listens' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand node; and __fish_seen_subcommand_from init" -l port -d 'Port of the API server' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand node; and __fish_seen_subcommand_from init" -l auto-approve -d 'Whether a token is enough to become a node; someone has to accept each, otherwise' -r -f -a "true\t''
false\t''"
complete -c kubewright -n "__fish_kubewright_using_subcommand node; and __fish_seen_subcommand_from init" -s o -l output -d 'How to write the result' -r -f -a "table\t'For people'
json\t'For programs'
yaml\t'For programs and people'"
complete -c kubewright -n "__fish_kubewright_using_subcommand node; and __fish_seen_subcommand_from init" -l log-format -d 'How log lines are written to standard error' -r -f -a "text\t'For people'
json\t'One JSON object in each line'"
complete -c kubewright -n "__fish_kubewright_using_subcommand node; and __fish_seen_subcommand_from init" -l log-level -d 'A level (error, warn, info, debug, trace), or filter directives such as `info,kube=debug`' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand node; and __fish_seen_subcommand_from init" -l on-host -d 'Act on the machine from a container, which needs --privileged and --pid=host; with kubeadm'
complete -c kubewright -n "__fish_kubewright_using_subcommand node; and __fish_seen_subcommand_from init" -l dry-run -d 'Say what would be seeded and do nothing'
complete -c kubewright -n "__fish_kubewright_using_subcommand node; and __fish_seen_subcommand_from init" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kubewright -n "__fish_kubewright_using_subcommand node; and __fish_seen_subcommand_from join" -l config -d 'Configuration of the machine [default: /etc/kubewright/node.yaml, if it is there]' -r -F
complete -c kubewright -n "__fish_kubewright_using_subcommand node; and __fish_seen_subcommand_from join" -l var -d 'One value of the configuration, in place of the file\'s and the environment\'s' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand node; and __fish_seen_subcommand_from join" -l name -d 'Name of the node [default: the host\'s]' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand node; and __fish_seen_subcommand_from join" -l state-dir -d 'Folder with the state of this machine [default: /var/lib/kubewright/node]' -r -f -a "(__fish_complete_directories)"
complete -c kubewright -n "__fish_kubewright_using_subcommand node; and __fish_seen_subcommand_from join" -l engine -d 'What brings the machine up [default: kubeadm where it is installed]' -r -f -a "kubeadm\t'kubeadm'
embedded\t'That of kubewright, which starts no pods'"
complete -c kubewright -n "__fish_kubewright_using_subcommand node; and __fish_seen_subcommand_from join" -l ca-cert-hash -d 'Pin of the cluster\'s certificate authority, as `node init` prints it' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand node; and __fish_seen_subcommand_from join" -l token-file -d 'File with the token' -r -F
complete -c kubewright -n "__fish_kubewright_using_subcommand node; and __fish_seen_subcommand_from join" -l wait -d 'Seconds to wait for the seeder to come up, and to wait to be accepted [default: 300, and 3600 with kubeadm where clusterFormation.autoApprove is off]' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand node; and __fish_seen_subcommand_from join" -l address -d 'Address of this node [default: network.bind.address, or that from which it reaches the API server]' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand node; and __fish_seen_subcommand_from join" -l expiration-seconds -d 'Seconds that its certificate is to be good; it is renewed in time [default: as the cluster grants, which is all that the kubelet of kubeadm knows]' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand node; and __fish_seen_subcommand_from join" -s o -l output -d 'How to write the result' -r -f -a "table\t'For people'
json\t'For programs'
yaml\t'For programs and people'"
complete -c kubewright -n "__fish_kubewright_using_subcommand node; and __fish_seen_subcommand_from join" -l log-format -d 'How log lines are written to standard error' -r -f -a "text\t'For people'
json\t'One JSON object in each line'"
complete -c kubewright -n "__fish_kubewright_using_subcommand node; and __fish_seen_subcommand_from join" -l log-level -d 'A level (error, warn, info, debug, trace), or filter directives such as `info,kube=debug`' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand node; and __fish_seen_subcommand_from join" -l on-host -d 'Act on the machine from a container, which needs --privileged and --pid=host; with kubeadm'
complete -c kubewright -n "__fish_kubewright_using_subcommand node; and __fish_seen_subcommand_from join" -l dry-run -d 'Say what would be done and do nothing'
complete -c kubewright -n "__fish_kubewright_using_subcommand node; and __fish_seen_subcommand_from join" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kubewright -n "__fish_kubewright_using_subcommand node; and __fish_seen_subcommand_from status" -l state-dir -d 'Folder with the state of this machine' -r -f -a "(__fish_complete_directories)"
complete -c kubewright -n "__fish_kubewright_using_subcommand node; and __fish_seen_subcommand_from status" -s o -l output -d 'How to write the result' -r -f -a "table\t'For people'
json\t'For programs'
yaml\t'For programs and people'"
complete -c kubewright -n "__fish_kubewright_using_subcommand node; and __fish_seen_subcommand_from status" -l log-format -d 'How log lines are written to standard error' -r -f -a "text\t'For people'
json\t'One JSON object in each line'"
complete -c kubewright -n "__fish_kubewright_using_subcommand node; and __fish_seen_subcommand_from status" -l log-level -d 'A level (error, warn, info, debug, trace), or filter directives such as `info,kube=debug`' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand node; and __fish_seen_subcommand_from status" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kubewright -n "__fish_kubewright_using_subcommand node; and __fish_seen_subcommand_from token" -l kubeconfig -d 'Kubeconfig file [default: the files of $KUBECONFIG, then ~/.kube/config, then the pod\'s service account]' -r -F
complete -c kubewright -n "__fish_kubewright_using_subcommand node; and __fish_seen_subcommand_from token" -l context -d 'Context of the kubeconfig [default: its current context]' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand node; and __fish_seen_subcommand_from token" -l log-format -d 'How log lines are written to standard error' -r -f -a "text\t'For people'
json\t'One JSON object in each line'"
complete -c kubewright -n "__fish_kubewright_using_subcommand node; and __fish_seen_subcommand_from token" -l log-level -d 'A level (error, warn, info, debug, trace), or filter directives such as `info,kube=debug`' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand node; and __fish_seen_subcommand_from token" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kubewright -n "__fish_kubewright_using_subcommand node; and __fish_seen_subcommand_from token" -f -a "create" -d 'Make a token and show it, once'
complete -c kubewright -n "__fish_kubewright_using_subcommand node; and __fish_seen_subcommand_from token" -f -a "generate" -d 'Print a new token that no cluster knows yet'
complete -c kubewright -n "__fish_kubewright_using_subcommand node; and __fish_seen_subcommand_from token" -f -a "list" -d 'List the tokens of the cluster, without their secret halves'
complete -c kubewright -n "__fish_kubewright_using_subcommand node; and __fish_seen_subcommand_from token" -f -a "show" -d 'Show what a token is good for, without its secret half'
complete -c kubewright -n "__fish_kubewright_using_subcommand node; and __fish_seen_subcommand_from token" -f -a "delete" -d 'Delete tokens: nobody can join with them from now on'
complete -c kubewright -n "__fish_kubewright_using_subcommand node; and __fish_seen_subcommand_from token" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c kubewright -n "__fish_kubewright_using_subcommand node; and __fish_seen_subcommand_from pending" -s o -l output -d 'How to write the result' -r -f -a "table\t'For people'
json\t'For programs'
yaml\t'For programs and people'"
complete -c kubewright -n "__fish_kubewright_using_subcommand node; and __fish_seen_subcommand_from pending" -l kubeconfig -d 'Kubeconfig file [default: the files of $KUBECONFIG, then ~/.kube/config, then the pod\'s service account]' -r -F
complete -c kubewright -n "__fish_kubewright_using_subcommand node; and __fish_seen_subcommand_from pending" -l context -d 'Context of the kubeconfig [default: its current context]' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand node; and __fish_seen_subcommand_from pending" -l log-format -d 'How log lines are written to standard error' -r -f -a "text\t'For people'
json\t'One JSON object in each line'"
complete -c kubewright -n "__fish_kubewright_using_subcommand node; and __fish_seen_subcommand_from pending" -l log-level -d 'A level (error, warn, info, debug, trace), or filter directives such as `info,kube=debug`' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand node; and __fish_seen_subcommand_from pending" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kubewright -n "__fish_kubewright_using_subcommand node; and __fish_seen_subcommand_from accept" -l fingerprint -d 'Only with this key, as `kubewright node join` shows it on the node' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand node; and __fish_seen_subcommand_from accept" -l policy -d 'Answer all that wait as the rules of this file say' -r -F
complete -c kubewright -n "__fish_kubewright_using_subcommand node; and __fish_seen_subcommand_from accept" -l kubeconfig -d 'Kubeconfig file [default: the files of $KUBECONFIG, then ~/.kube/config, then the pod\'s service account]' -r -F
complete -c kubewright -n "__fish_kubewright_using_subcommand node; and __fish_seen_subcommand_from accept" -l context -d 'Context of the kubeconfig [default: its current context]' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand node; and __fish_seen_subcommand_from accept" -l log-format -d 'How log lines are written to standard error' -r -f -a "text\t'For people'
json\t'One JSON object in each line'"
complete -c kubewright -n "__fish_kubewright_using_subcommand node; and __fish_seen_subcommand_from accept" -l log-level -d 'A level (error, warn, info, debug, trace), or filter directives such as `info,kube=debug`' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand node; and __fish_seen_subcommand_from accept" -l dry-run -d 'Say what would be done and do nothing'
complete -c kubewright -n "__fish_kubewright_using_subcommand node; and __fish_seen_subcommand_from accept" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kubewright -n "__fish_kubewright_using_subcommand node; and __fish_seen_subcommand_from reject" -l reason -d 'Why, for the node and its administrator' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand node; and __fish_seen_subcommand_from reject" -l fingerprint -d 'Only with this key, as `kubewright node join` shows it on the node' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand node; and __fish_seen_subcommand_from reject" -l kubeconfig -d 'Kubeconfig file [default: the files of $KUBECONFIG, then ~/.kube/config, then the pod\'s service account]' -r -F
complete -c kubewright -n "__fish_kubewright_using_subcommand node; and __fish_seen_subcommand_from reject" -l context -d 'Context of the kubeconfig [default: its current context]' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand node; and __fish_seen_subcommand_from reject" -l log-format -d 'How log lines are written to standard error' -r -f -a "text\t'For people'
json\t'One JSON object in each line'"
complete -c kubewright -n "__fish_kubewright_using_subcommand node; and __fish_seen_subcommand_from reject" -l log-level -d 'A level (error, warn, info, debug, trace), or filter directives such as `info,kube=debug`' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand node; and __fish_seen_subcommand_from reject" -l dry-run -d 'Say what would be done and do nothing'
complete -c kubewright -n "__fish_kubewright_using_subcommand node; and __fish_seen_subcommand_from reject" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kubewright -n "__fish_kubewright_using_subcommand node; and __fish_seen_subcommand_from remove" -l timeout -d 'Seconds that its pods may take to end' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand node; and __fish_seen_subcommand_from remove" -s o -l output -d 'How to write the result' -r -f -a "table\t'For people'
json\t'For programs'
yaml\t'For programs and people'"
complete -c kubewright -n "__fish_kubewright_using_subcommand node; and __fish_seen_subcommand_from remove" -l kubeconfig -d 'Kubeconfig file [default: the files of $KUBECONFIG, then ~/.kube/config, then the pod\'s service account]' -r -F
complete -c kubewright -n "__fish_kubewright_using_subcommand node; and __fish_seen_subcommand_from remove" -l context -d 'Context of the kubeconfig [default: its current context]' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand node; and __fish_seen_subcommand_from remove" -l log-format -d 'How log lines are written to standard error' -r -f -a "text\t'For people'
json\t'One JSON object in each line'"
complete -c kubewright -n "__fish_kubewright_using_subcommand node; and __fish_seen_subcommand_from remove" -l log-level -d 'A level (error, warn, info, debug, trace), or filter directives such as `info,kube=debug`' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand node; and __fish_seen_subcommand_from remove" -l force -d 'Also the only control-plane node, and pods that nobody makes again or that have data in an emptyDir; delete those that do not end in time'
complete -c kubewright -n "__fish_kubewright_using_subcommand node; and __fish_seen_subcommand_from remove" -l keep-token -d 'Keep the token it joined with, for other nodes'
complete -c kubewright -n "__fish_kubewright_using_subcommand node; and __fish_seen_subcommand_from remove" -l dry-run -d 'Say what would be done and do nothing'
complete -c kubewright -n "__fish_kubewright_using_subcommand node; and __fish_seen_subcommand_from remove" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kubewright -n "__fish_kubewright_using_subcommand node; and __fish_seen_subcommand_from reset" -l config -d 'Configuration of the machine [default: /etc/kubewright/node.yaml, if it is there]' -r -F
complete -c kubewright -n "__fish_kubewright_using_subcommand node; and __fish_seen_subcommand_from reset" -l var -d 'One value of the configuration, in place of the file\'s and the environment\'s' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand node; and __fish_seen_subcommand_from reset" -l name -d 'Name of the node [default: the host\'s]' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand node; and __fish_seen_subcommand_from reset" -l state-dir -d 'Folder with the state of this machine [default: /var/lib/kubewright/node]' -r -f -a "(__fish_complete_directories)"
complete -c kubewright -n "__fish_kubewright_using_subcommand node; and __fish_seen_subcommand_from reset" -l engine -d 'What brings the machine up [default: kubeadm where it is installed]' -r -f -a "kubeadm\t'kubeadm'
embedded\t'That of kubewright, which starts no pods'"
complete -c kubewright -n "__fish_kubewright_using_subcommand node; and __fish_seen_subcommand_from reset" -s o -l output -d 'How to write the result' -r -f -a "table\t'For people'
json\t'For programs'
yaml\t'For programs and people'"
complete -c kubewright -n "__fish_kubewright_using_subcommand node; and __fish_seen_subcommand_from reset" -l kubeconfig -d 'Kubeconfig file [default: the files of $KUBECONFIG, then ~/.kube/config, then the pod\'s service account]' -r -F
complete -c kubewright -n "__fish_kubewright_using_subcommand node; and __fish_seen_subcommand_from reset" -l context -d 'Context of the kubeconfig [default: its current context]' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand node; and __fish_seen_subcommand_from reset" -l log-format -d 'How log lines are written to standard error' -r -f -a "text\t'For people'
json\t'One JSON object in each line'"
complete -c kubewright -n "__fish_kubewright_using_subcommand node; and __fish_seen_subcommand_from reset" -l log-level -d 'A level (error, warn, info, debug, trace), or filter directives such as `info,kube=debug`' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand node; and __fish_seen_subcommand_from reset" -l on-host -d 'Act on the machine from a container, which needs --privileged and --pid=host; with kubeadm'
complete -c kubewright -n "__fish_kubewright_using_subcommand node; and __fish_seen_subcommand_from reset" -l yes -d 'Do it'
complete -c kubewright -n "__fish_kubewright_using_subcommand node; and __fish_seen_subcommand_from reset" -l dry-run -d 'List what would be done and do nothing, which is what happens without --yes'
complete -c kubewright -n "__fish_kubewright_using_subcommand node; and __fish_seen_subcommand_from reset" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kubewright -n "__fish_kubewright_using_subcommand node; and __fish_seen_subcommand_from config" -l config -d 'The file [default: /etc/kubewright/node.yaml]' -r -F
complete -c kubewright -n "__fish_kubewright_using_subcommand node; and __fish_seen_subcommand_from config" -l var -d 'One value of the configuration, in place of the file\'s' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand node; and __fish_seen_subcommand_from config" -l log-format -d 'How log lines are written to standard error' -r -f -a "text\t'For people'
json\t'One JSON object in each line'"
complete -c kubewright -n "__fish_kubewright_using_subcommand node; and __fish_seen_subcommand_from config" -l log-level -d 'A level (error, warn, info, debug, trace), or filter directives such as `info,kube=debug`' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand node; and __fish_seen_subcommand_from config" -l defaults -d 'Print every key with its default'
complete -c kubewright -n "__fish_kubewright_using_subcommand node; and __fish_seen_subcommand_from config" -l check -d 'Say whether the file is right, and everything that is wrong with it'
complete -c kubewright -n "__fish_kubewright_using_subcommand node; and __fish_seen_subcommand_from config" -l migrate -d 'Print the file as it is written today'
complete -c kubewright -n "__fish_kubewright_using_subcommand node; and __fish_seen_subcommand_from config" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kubewright -n "__fish_kubewright_using_subcommand node; and __fish_seen_subcommand_from cloud-init" -l config -d 'Configuration that the machine gets' -r -F
complete -c kubewright -n "__fish_kubewright_using_subcommand node; and __fish_seen_subcommand_from cloud-init" -l seeder -d 'API server to join, host[:port], where the configuration does not name it' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand node; and __fish_seen_subcommand_from cloud-init" -l token-file -d 'File with the token' -r -F
complete -c kubewright -n "__fish_kubewright_using_subcommand node; and __fish_seen_subcommand_from cloud-init" -l hostname -d 'Host name of the machine' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand node; and __fish_seen_subcommand_from cloud-init" -l ssh-key -d 'Public key that may log in as root; may be repeated' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand node; and __fish_seen_subcommand_from cloud-init" -l package-url -d 'Where the machine gets the package of kubewright, if its image does not have it' -r -f
complete -c kubewright -n "__fish_kubewright_using_subcommand node; and __fish_seen_subcommand_from cloud-init" -l package-sha256 -d 'SHA-256 of that package' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand node; and __fish_seen_subcommand_from cloud-init" -l log-format -d 'How log lines are written to standard error' -r -f -a "text\t'For people'
json\t'One JSON object in each line'"
complete -c kubewright -n "__fish_kubewright_using_subcommand node; and __fish_seen_subcommand_from cloud-init" -l log-level -d 'A level (error, warn, info, debug, trace), or filter directives such as `info,kube=debug`' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand node; and __fish_seen_subcommand_from cloud-init" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kubewright -n "__fish_kubewright_using_subcommand node; and __fish_seen_subcommand_from serve" -l state-dir -d 'Folder with the state of this machine' -r -f -a "(__fish_complete_directories)"
complete -c kubewright -n "__fish_kubewright_using_subcommand node; and __fish_seen_subcommand_from serve" -l worker-of -d 'Do the work, for the process with this id' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand node; and __fish_seen_subcommand_from serve" -l log-format -d 'How log lines are written to standard error' -r -f -a "text\t'For people'
json\t'One JSON object in each line'"
complete -c kubewright -n "__fish_kubewright_using_subcommand node; and __fish_seen_subcommand_from serve" -l log-level -d 'A level (error, warn, info, debug, trace), or filter directives such as `info,kube=debug`' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand node; and __fish_seen_subcommand_from serve" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kubewright -n "__fish_kubewright_using_subcommand node; and __fish_seen_subcommand_from help" -f -a "init" -d 'Make this machine the first node of a new cluster'
complete -c kubewright -n "__fish_kubewright_using_subcommand node; and __fish_seen_subcommand_from help" -f -a "join" -d 'Make this machine a node of a cluster'
complete -c kubewright -n "__fish_kubewright_using_subcommand node; and __fish_seen_subcommand_from help" -f -a "status" -d 'Say what this machine is and whether its service runs: exit code 0 if it is as it should be, else 1'
complete -c kubewright -n "__fish_kubewright_using_subcommand node; and __fish_seen_subcommand_from help" -f -a "token" -d 'Make, list, show and delete bootstrap tokens'
complete -c kubewright -n "__fish_kubewright_using_subcommand node; and __fish_seen_subcommand_from help" -f -a "pending" -d 'List the nodes that wait to be accepted'
complete -c kubewright -n "__fish_kubewright_using_subcommand node; and __fish_seen_subcommand_from help" -f -a "accept" -d 'Accept nodes that wait, by name or by a policy'
complete -c kubewright -n "__fish_kubewright_using_subcommand node; and __fish_seen_subcommand_from help" -f -a "reject" -d 'Reject a node that waits'
complete -c kubewright -n "__fish_kubewright_using_subcommand node; and __fish_seen_subcommand_from help" -f -a "remove" -d 'Cordon and drain a node, and delete it with all that stands for it'
complete -c kubewright -n "__fish_kubewright_using_subcommand node; and __fish_seen_subcommand_from help" -f -a "reset" -d 'Make this machine free: no node of any cluster, and nothing left of one'
complete -c kubewright -n "__fish_kubewright_using_subcommand node; and __fish_seen_subcommand_from help" -f -a "config" -d 'Check the configuration of a machine, print its defaults, or migrate one of kubic-init'
complete -c kubewright -n "__fish_kubewright_using_subcommand node; and __fish_seen_subcommand_from help" -f -a "cloud-init" -d 'Print the user data with which cloud-init makes a machine a seeder or a node'
complete -c kubewright -n "__fish_kubewright_using_subcommand node; and __fish_seen_subcommand_from help" -f -a "serve" -d 'Run the service of this machine in the foreground, for systemd'
complete -c kubewright -n "__fish_kubewright_using_subcommand node; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c kubewright -n "__fish_kubewright_using_subcommand console" -l listen -d 'Where to listen; port 0 takes a free one' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand console" -l tls-cert-file -d 'Serve HTTPS with this certificate, in PEM' -r -F
complete -c kubewright -n "__fish_kubewright_using_subcommand console" -l tls-key-file -d 'The private key of the certificate, in PEM' -r -F
complete -c kubewright -n "__fish_kubewright_using_subcommand console" -l host -d 'Name under which browsers reach it, besides localhost and addresses' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand console" -l metrics -d 'Where controllers serve their metrics, for their queues and errors' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand console" -l peerpod-resource -d 'Extended resource of which a peer pod takes one' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand console" -l kubeconfig -d 'Kubeconfig file [default: the files of $KUBECONFIG, then ~/.kube/config, then the pod\'s service account]' -r -F
complete -c kubewright -n "__fish_kubewright_using_subcommand console" -l context -d 'Context of the kubeconfig [default: its current context]' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand console" -l log-format -d 'How log lines are written to standard error' -r -f -a "text\t'For people'
json\t'One JSON object in each line'"
complete -c kubewright -n "__fish_kubewright_using_subcommand console" -l log-level -d 'A level (error, warn, info, debug, trace), or filter directives such as `info,kube=debug`' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand console" -l sign-in -d 'Let users sign in with Kubernetes bearer tokens; the credentials of the kubeconfig are not used'
complete -c kubewright -n "__fish_kubewright_using_subcommand console" -l allow-plain-http -d 'Take tokens over plain HTTP from other machines: only behind a proxy that does TLS'
complete -c kubewright -n "__fish_kubewright_using_subcommand console" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and not __fish_seen_subcommand_from init sync status graph why skew build image index push manifests bundle deploy release dev-vm help" -s w -l workspace -d 'The workspace.toml [default: that of this folder, or of the nearest one above]' -r -F
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and not __fish_seen_subcommand_from init sync status graph why skew build image index push manifests bundle deploy release dev-vm help" -l platform -d 'Platforms, of those that the workspace has [default: all]' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and not __fish_seen_subcommand_from init sync status graph why skew build image index push manifests bundle deploy release dev-vm help" -l log-format -d 'How log lines are written to standard error' -r -f -a "text\t'For people'
json\t'One JSON object in each line'"
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and not __fish_seen_subcommand_from init sync status graph why skew build image index push manifests bundle deploy release dev-vm help" -l log-level -d 'A level (error, warn, info, debug, trace), or filter directives such as `info,kube=debug`' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and not __fish_seen_subcommand_from init sync status graph why skew build image index push manifests bundle deploy release dev-vm help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and not __fish_seen_subcommand_from init sync status graph why skew build image index push manifests bundle deploy release dev-vm help" -f -a "init" -d 'Begin a workspace.toml from what is there'
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and not __fish_seen_subcommand_from init sync status graph why skew build image index push manifests bundle deploy release dev-vm help" -f -a "sync" -d 'Clone and fetch repositories, and bring their trees to what the lock has'
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and not __fish_seen_subcommand_from init sync status graph why skew build image index push manifests bundle deploy release dev-vm help" -f -a "status" -d 'Show branches, changed files and drift from the lock'
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and not __fish_seen_subcommand_from init sync status graph why skew build image index push manifests bundle deploy release dev-vm help" -f -a "graph" -d 'Draw which component needs which, and how that is known'
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and not __fish_seen_subcommand_from init sync status graph why skew build image index push manifests bundle deploy release dev-vm help" -f -a "why" -d 'Say why one component needs another'
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and not __fish_seen_subcommand_from init sync status graph why skew build image index push manifests bundle deploy release dev-vm help" -f -a "skew" -d 'Show which version of each other the components pin, and how far that is from what lies here'
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and not __fish_seen_subcommand_from init sync status graph why skew build image index push manifests bundle deploy release dev-vm help" -f -a "build" -d 'Build components, each after what it needs, and only what changed'
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and not __fish_seen_subcommand_from init sync status graph why skew build image index push manifests bundle deploy release dev-vm help" -f -a "image" -d 'Make images of components, for each platform, building first what is not built'
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and not __fish_seen_subcommand_from init sync status graph why skew build image index push manifests bundle deploy release dev-vm help" -f -a "index" -d 'Join the images of all platforms, so that each machine takes its own'
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and not __fish_seen_subcommand_from init sync status graph why skew build image index push manifests bundle deploy release dev-vm help" -f -a "push" -d 'Push the images of all platforms, joined, to the registry of the workspace'
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and not __fish_seen_subcommand_from init sync status graph why skew build image index push manifests bundle deploy release dev-vm help" -f -a "manifests" -d 'Set the images of this workspace in Kubernetes manifests'
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and not __fish_seen_subcommand_from init sync status graph why skew build image index push manifests bundle deploy release dev-vm help" -f -a "bundle" -d 'Carry the workspace in one file to where there is no network'
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and not __fish_seen_subcommand_from init sync status graph why skew build image index push manifests bundle deploy release dev-vm help" -f -a "deploy" -d 'Try the manifests out in a cluster, and judge what becomes of them'
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and not __fish_seen_subcommand_from init sync status graph why skew build image index push manifests bundle deploy release dev-vm help" -f -a "release" -d 'Build, build again from nothing, compare, and tag'
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and not __fish_seen_subcommand_from init sync status graph why skew build image index push manifests bundle deploy release dev-vm help" -f -a "dev-vm" -d 'Write a cloud-init file for a virtual machine to develop on'
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and not __fish_seen_subcommand_from init sync status graph why skew build image index push manifests bundle deploy release dev-vm help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and __fish_seen_subcommand_from init" -l from -d 'A folder of checkouts, or a list of repositories' -r -F
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and __fish_seen_subcommand_from init" -s w -l workspace -d 'The workspace.toml [default: that of this folder, or of the nearest one above]' -r -F
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and __fish_seen_subcommand_from init" -l platform -d 'Platforms, of those that the workspace has [default: all]' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and __fish_seen_subcommand_from init" -l log-format -d 'How log lines are written to standard error' -r -f -a "text\t'For people'
json\t'One JSON object in each line'"
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and __fish_seen_subcommand_from init" -l log-level -d 'A level (error, warn, info, debug, trace), or filter directives such as `info,kube=debug`' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and __fish_seen_subcommand_from init" -l dry-run -d 'Write it to standard output'
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and __fish_seen_subcommand_from init" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and __fish_seen_subcommand_from sync" -s j -l jobs -d 'Repositories at once' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and __fish_seen_subcommand_from sync" -s o -l output -d 'How to write the result' -r -f -a "table\t'For people'
json\t'For programs'
yaml\t'For programs and people'"
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and __fish_seen_subcommand_from sync" -s w -l workspace -d 'The workspace.toml [default: that of this folder, or of the nearest one above]' -r -F
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and __fish_seen_subcommand_from sync" -l platform -d 'Platforms, of those that the workspace has [default: all]' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and __fish_seen_subcommand_from sync" -l log-format -d 'How log lines are written to standard error' -r -f -a "text\t'For people'
json\t'One JSON object in each line'"
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and __fish_seen_subcommand_from sync" -l log-level -d 'A level (error, warn, info, debug, trace), or filter directives such as `info,kube=debug`' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and __fish_seen_subcommand_from sync" -s u -l update -d 'Pin what the branches and tags are now'
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and __fish_seen_subcommand_from sync" -l dry-run -d 'Say what would be done with trees and lock, and leave them'
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and __fish_seen_subcommand_from sync" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and __fish_seen_subcommand_from status" -s o -l output -d 'How to write the result' -r -f -a "table\t'For people'
json\t'For programs'
yaml\t'For programs and people'"
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and __fish_seen_subcommand_from status" -s w -l workspace -d 'The workspace.toml [default: that of this folder, or of the nearest one above]' -r -F
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and __fish_seen_subcommand_from status" -l platform -d 'Platforms, of those that the workspace has [default: all]' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and __fish_seen_subcommand_from status" -l log-format -d 'How log lines are written to standard error' -r -f -a "text\t'For people'
json\t'One JSON object in each line'"
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and __fish_seen_subcommand_from status" -l log-level -d 'A level (error, warn, info, debug, trace), or filter directives such as `info,kube=debug`' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and __fish_seen_subcommand_from status" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and __fish_seen_subcommand_from graph" -s o -l output -d 'How to write it' -r -f -a "text\t'For people'
dot\t'For Graphviz'
svg\t'A picture'
json\t'For programs'
yaml\t'For programs and people'"
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and __fish_seen_subcommand_from graph" -s w -l workspace -d 'The workspace.toml [default: that of this folder, or of the nearest one above]' -r -F
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and __fish_seen_subcommand_from graph" -l platform -d 'Platforms, of those that the workspace has [default: all]' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and __fish_seen_subcommand_from graph" -l log-format -d 'How log lines are written to standard error' -r -f -a "text\t'For people'
json\t'One JSON object in each line'"
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and __fish_seen_subcommand_from graph" -l log-level -d 'A level (error, warn, info, debug, trace), or filter directives such as `info,kube=debug`' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and __fish_seen_subcommand_from graph" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and __fish_seen_subcommand_from why" -s o -l output -d 'How to write the result' -r -f -a "table\t'For people'
json\t'For programs'
yaml\t'For programs and people'"
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and __fish_seen_subcommand_from why" -s w -l workspace -d 'The workspace.toml [default: that of this folder, or of the nearest one above]' -r -F
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and __fish_seen_subcommand_from why" -l platform -d 'Platforms, of those that the workspace has [default: all]' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and __fish_seen_subcommand_from why" -l log-format -d 'How log lines are written to standard error' -r -f -a "text\t'For people'
json\t'One JSON object in each line'"
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and __fish_seen_subcommand_from why" -l log-level -d 'A level (error, warn, info, debug, trace), or filter directives such as `info,kube=debug`' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and __fish_seen_subcommand_from why" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and __fish_seen_subcommand_from skew" -s o -l output -d 'How to write the result' -r -f -a "table\t'For people'
json\t'For programs'
yaml\t'For programs and people'"
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and __fish_seen_subcommand_from skew" -s w -l workspace -d 'The workspace.toml [default: that of this folder, or of the nearest one above]' -r -F
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and __fish_seen_subcommand_from skew" -l platform -d 'Platforms, of those that the workspace has [default: all]' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and __fish_seen_subcommand_from skew" -l log-format -d 'How log lines are written to standard error' -r -f -a "text\t'For people'
json\t'One JSON object in each line'"
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and __fish_seen_subcommand_from skew" -l log-level -d 'A level (error, warn, info, debug, trace), or filter directives such as `info,kube=debug`' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and __fish_seen_subcommand_from skew" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and __fish_seen_subcommand_from build" -s j -l jobs -d 'Components at once [default: the number of processors]' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and __fish_seen_subcommand_from build" -l local -d 'Build Go modules of the workspace with each other; `false` takes the versions that their go.mod files ask for' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and __fish_seen_subcommand_from build" -s o -l output -d 'How to write the result' -r -f -a "table\t'For people'
json\t'For programs'
yaml\t'For programs and people'"
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and __fish_seen_subcommand_from build" -s w -l workspace -d 'The workspace.toml [default: that of this folder, or of the nearest one above]' -r -F
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and __fish_seen_subcommand_from build" -l platform -d 'Platforms, of those that the workspace has [default: all]' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and __fish_seen_subcommand_from build" -l log-format -d 'How log lines are written to standard error' -r -f -a "text\t'For people'
json\t'One JSON object in each line'"
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and __fish_seen_subcommand_from build" -l log-level -d 'A level (error, warn, info, debug, trace), or filter directives such as `info,kube=debug`' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and __fish_seen_subcommand_from build" -l affected -d 'Only what differs from the lock, and what needs that'
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and __fish_seen_subcommand_from build" -l dry-run -d 'Say what would be built, and build nothing'
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and __fish_seen_subcommand_from build" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and __fish_seen_subcommand_from image" -s j -l jobs -d 'Components at once [default: the number of processors]' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and __fish_seen_subcommand_from image" -l local -d 'Build Go modules of the workspace with each other; `false` takes the versions that their go.mod files ask for' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and __fish_seen_subcommand_from image" -s o -l output -d 'How to write the result' -r -f -a "table\t'For people'
json\t'For programs'
yaml\t'For programs and people'"
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and __fish_seen_subcommand_from image" -s w -l workspace -d 'The workspace.toml [default: that of this folder, or of the nearest one above]' -r -F
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and __fish_seen_subcommand_from image" -l platform -d 'Platforms, of those that the workspace has [default: all]' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and __fish_seen_subcommand_from image" -l log-format -d 'How log lines are written to standard error' -r -f -a "text\t'For people'
json\t'One JSON object in each line'"
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and __fish_seen_subcommand_from image" -l log-level -d 'A level (error, warn, info, debug, trace), or filter directives such as `info,kube=debug`' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and __fish_seen_subcommand_from image" -l dry-run -d 'Say which images there would be, and make none'
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and __fish_seen_subcommand_from image" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and __fish_seen_subcommand_from index" -l local -d 'Build Go modules of the workspace with each other; `false` takes the versions that their go.mod files ask for' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and __fish_seen_subcommand_from index" -s o -l output -d 'How to write the result' -r -f -a "table\t'For people'
json\t'For programs'
yaml\t'For programs and people'"
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and __fish_seen_subcommand_from index" -s w -l workspace -d 'The workspace.toml [default: that of this folder, or of the nearest one above]' -r -F
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and __fish_seen_subcommand_from index" -l platform -d 'Platforms, of those that the workspace has [default: all]' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and __fish_seen_subcommand_from index" -l log-format -d 'How log lines are written to standard error' -r -f -a "text\t'For people'
json\t'One JSON object in each line'"
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and __fish_seen_subcommand_from index" -l log-level -d 'A level (error, warn, info, debug, trace), or filter directives such as `info,kube=debug`' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and __fish_seen_subcommand_from index" -l dry-run -d 'Say what would be joined, and write nothing'
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and __fish_seen_subcommand_from index" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and __fish_seen_subcommand_from push" -l plain-http -d 'A registry without TLS, as host:port; those of this machine need not be named' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and __fish_seen_subcommand_from push" -l certificate -d 'A file of certificates to trust, besides those of the system' -r -F
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and __fish_seen_subcommand_from push" -l uploads -d 'Blobs at once' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and __fish_seen_subcommand_from push" -l local -d 'Build Go modules of the workspace with each other; `false` takes the versions that their go.mod files ask for' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and __fish_seen_subcommand_from push" -s o -l output -d 'How to write the result' -r -f -a "table\t'For people'
json\t'For programs'
yaml\t'For programs and people'"
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and __fish_seen_subcommand_from push" -s w -l workspace -d 'The workspace.toml [default: that of this folder, or of the nearest one above]' -r -F
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and __fish_seen_subcommand_from push" -l platform -d 'Platforms, of those that the workspace has [default: all]' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and __fish_seen_subcommand_from push" -l log-format -d 'How log lines are written to standard error' -r -f -a "text\t'For people'
json\t'One JSON object in each line'"
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and __fish_seen_subcommand_from push" -l log-level -d 'A level (error, warn, info, debug, trace), or filter directives such as `info,kube=debug`' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and __fish_seen_subcommand_from push" -l replace -d 'Let what is pushed take a name from an index of more platforms, whose others are lost by it'
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and __fish_seen_subcommand_from push" -l dry-run -d 'Say what would be pushed, and push nothing'
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and __fish_seen_subcommand_from push" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and __fish_seen_subcommand_from manifests" -l out -d 'Folder to write to, or `-` for standard output [default: .kubewright/manifests]' -r -f -a "(__fish_complete_directories)"
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and __fish_seen_subcommand_from manifests" -l local -d 'Build Go modules of the workspace with each other; `false` takes the versions that their go.mod files ask for' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and __fish_seen_subcommand_from manifests" -s o -l output -d 'How to write the result' -r -f -a "table\t'For people'
json\t'For programs'
yaml\t'For programs and people'"
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and __fish_seen_subcommand_from manifests" -s w -l workspace -d 'The workspace.toml [default: that of this folder, or of the nearest one above]' -r -F
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and __fish_seen_subcommand_from manifests" -l platform -d 'Platforms, of those that the workspace has [default: all]' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and __fish_seen_subcommand_from manifests" -l log-format -d 'How log lines are written to standard error' -r -f -a "text\t'For people'
json\t'One JSON object in each line'"
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and __fish_seen_subcommand_from manifests" -l log-level -d 'A level (error, warn, info, debug, trace), or filter directives such as `info,kube=debug`' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and __fish_seen_subcommand_from manifests" -l digest -d 'By digest, of images that are made; not by tag'
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and __fish_seen_subcommand_from manifests" -l dry-run -d 'Say what would be set, and write nothing'
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and __fish_seen_subcommand_from manifests" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and __fish_seen_subcommand_from bundle" -s w -l workspace -d 'The workspace.toml [default: that of this folder, or of the nearest one above]' -r -F
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and __fish_seen_subcommand_from bundle" -l platform -d 'Platforms, of those that the workspace has [default: all]' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and __fish_seen_subcommand_from bundle" -l log-format -d 'How log lines are written to standard error' -r -f -a "text\t'For people'
json\t'One JSON object in each line'"
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and __fish_seen_subcommand_from bundle" -l log-level -d 'A level (error, warn, info, debug, trace), or filter directives such as `info,kube=debug`' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and __fish_seen_subcommand_from bundle" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and __fish_seen_subcommand_from bundle" -f -a "create" -d 'Write the bundle; one that was interrupted goes on'
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and __fish_seen_subcommand_from bundle" -f -a "verify" -d 'Check every bit of a bundle, and name what is damaged'
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and __fish_seen_subcommand_from bundle" -f -a "load" -d 'Take a bundle apart: into a workspace that builds without a network, a registry or containerd'
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and __fish_seen_subcommand_from bundle" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and __fish_seen_subcommand_from deploy" -l on -d 'Where' -r -f -a "existing\t'The cluster of the present context'
kind\t'A cluster that kind makes, without a network plugin, with the images loaded'
embedded\t'A control plane in this process: it takes objects, and nothing runs them'"
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and __fish_seen_subcommand_from deploy" -l timeout -d 'Seconds that workloads may take' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and __fish_seen_subcommand_from deploy" -l kind-name -d 'Name of the kind cluster' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and __fish_seen_subcommand_from deploy" -l local -d 'Build Go modules of the workspace with each other; `false` takes the versions that their go.mod files ask for' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and __fish_seen_subcommand_from deploy" -l kubeconfig -d 'Kubeconfig file [default: the files of $KUBECONFIG, then ~/.kube/config, then the pod\'s service account]' -r -F
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and __fish_seen_subcommand_from deploy" -l context -d 'Context of the kubeconfig [default: its current context]' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and __fish_seen_subcommand_from deploy" -s o -l output -d 'How to write the result' -r -f -a "table\t'For people'
json\t'For programs'
yaml\t'For programs and people'"
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and __fish_seen_subcommand_from deploy" -s w -l workspace -d 'The workspace.toml [default: that of this folder, or of the nearest one above]' -r -F
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and __fish_seen_subcommand_from deploy" -l platform -d 'Platforms, of those that the workspace has [default: all]' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and __fish_seen_subcommand_from deploy" -l log-format -d 'How log lines are written to standard error' -r -f -a "text\t'For people'
json\t'One JSON object in each line'"
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and __fish_seen_subcommand_from deploy" -l log-level -d 'A level (error, warn, info, debug, trace), or filter directives such as `info,kube=debug`' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and __fish_seen_subcommand_from deploy" -l delete -d 'Delete the kind cluster afterwards, however it ended'
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and __fish_seen_subcommand_from deploy" -l dry-run -d 'Let the API server say whether it would take the objects, and change nothing'
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and __fish_seen_subcommand_from deploy" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and __fish_seen_subcommand_from release" -s j -l jobs -d 'Components at once [default: the number of processors]' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and __fish_seen_subcommand_from release" -l local -d 'Build Go modules of the workspace with each other; `false` takes the versions that their go.mod files ask for' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and __fish_seen_subcommand_from release" -s o -l output -d 'How to write the result' -r -f -a "table\t'For people'
json\t'For programs'
yaml\t'For programs and people'"
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and __fish_seen_subcommand_from release" -s w -l workspace -d 'The workspace.toml [default: that of this folder, or of the nearest one above]' -r -F
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and __fish_seen_subcommand_from release" -l platform -d 'Platforms, of those that the workspace has [default: all]' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and __fish_seen_subcommand_from release" -l log-format -d 'How log lines are written to standard error' -r -f -a "text\t'For people'
json\t'One JSON object in each line'"
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and __fish_seen_subcommand_from release" -l log-level -d 'A level (error, warn, info, debug, trace), or filter directives such as `info,kube=debug`' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and __fish_seen_subcommand_from release" -l dry-run -d 'Do all but the tags'
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and __fish_seen_subcommand_from release" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and __fish_seen_subcommand_from dev-vm" -l repository -d 'Repository with the workspace.toml [default: where this one was cloned from]' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and __fish_seen_subcommand_from dev-vm" -l ref -d 'Its branch or tag' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and __fish_seen_subcommand_from dev-vm" -l name -d 'Name of the machine' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and __fish_seen_subcommand_from dev-vm" -l ssh-key -d 'File of public SSH keys that may log in as `dev`; may be given more than once' -r -F
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and __fish_seen_subcommand_from dev-vm" -s w -l workspace -d 'The workspace.toml [default: that of this folder, or of the nearest one above]' -r -F
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and __fish_seen_subcommand_from dev-vm" -l platform -d 'Platforms, of those that the workspace has [default: all]' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and __fish_seen_subcommand_from dev-vm" -l log-format -d 'How log lines are written to standard error' -r -f -a "text\t'For people'
json\t'One JSON object in each line'"
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and __fish_seen_subcommand_from dev-vm" -l log-level -d 'A level (error, warn, info, debug, trace), or filter directives such as `info,kube=debug`' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and __fish_seen_subcommand_from dev-vm" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and __fish_seen_subcommand_from help" -f -a "init" -d 'Begin a workspace.toml from what is there'
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and __fish_seen_subcommand_from help" -f -a "sync" -d 'Clone and fetch repositories, and bring their trees to what the lock has'
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and __fish_seen_subcommand_from help" -f -a "status" -d 'Show branches, changed files and drift from the lock'
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and __fish_seen_subcommand_from help" -f -a "graph" -d 'Draw which component needs which, and how that is known'
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and __fish_seen_subcommand_from help" -f -a "why" -d 'Say why one component needs another'
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and __fish_seen_subcommand_from help" -f -a "skew" -d 'Show which version of each other the components pin, and how far that is from what lies here'
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and __fish_seen_subcommand_from help" -f -a "build" -d 'Build components, each after what it needs, and only what changed'
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and __fish_seen_subcommand_from help" -f -a "image" -d 'Make images of components, for each platform, building first what is not built'
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and __fish_seen_subcommand_from help" -f -a "index" -d 'Join the images of all platforms, so that each machine takes its own'
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and __fish_seen_subcommand_from help" -f -a "push" -d 'Push the images of all platforms, joined, to the registry of the workspace'
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and __fish_seen_subcommand_from help" -f -a "manifests" -d 'Set the images of this workspace in Kubernetes manifests'
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and __fish_seen_subcommand_from help" -f -a "bundle" -d 'Carry the workspace in one file to where there is no network'
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and __fish_seen_subcommand_from help" -f -a "deploy" -d 'Try the manifests out in a cluster, and judge what becomes of them'
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and __fish_seen_subcommand_from help" -f -a "release" -d 'Build, build again from nothing, compare, and tag'
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and __fish_seen_subcommand_from help" -f -a "dev-vm" -d 'Write a cloud-init file for a virtual machine to develop on'
complete -c kubewright -n "__fish_kubewright_using_subcommand workspace; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c kubewright -n "__fish_kubewright_using_subcommand crds" -s o -l output -d 'How to write them' -r -f -a "table\t'Their names'
json\t'One List'
yaml\t'One document each'"
complete -c kubewright -n "__fish_kubewright_using_subcommand crds" -l log-format -d 'How log lines are written to standard error' -r -f -a "text\t'For people'
json\t'One JSON object in each line'"
complete -c kubewright -n "__fish_kubewright_using_subcommand crds" -l log-level -d 'A level (error, warn, info, debug, trace), or filter directives such as `info,kube=debug`' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand crds" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kubewright -n "__fish_kubewright_using_subcommand manifests" -l namespace -d 'Namespace of the controllers' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand manifests" -l image -d 'Image that holds kubewright' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand manifests" -l replicas -d 'How many controllers run at the same time; one of them leads' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand manifests" -l podnet-plugin -d 'What becomes of the CNI plugin on each node: take it away before the agent is deleted' -r -f -a "install\t'It is the node\'s first CNI configuration'
uninstall\t'The node gets its previous one back; pods that run are attached all the same'"
complete -c kubewright -n "__fish_kubewright_using_subcommand manifests" -s o -l output -d 'How to write them' -r -f -a "table\t'Kinds and names'
json\t'One List'
yaml\t'One document each'"
complete -c kubewright -n "__fish_kubewright_using_subcommand manifests" -l interface -d 'Main interface of the nodes' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand manifests" -l tunnel-interface -d 'Tunnel interface of the nodes' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand manifests" -l vpn-interfaces -d 'Interfaces of VPN nodes' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand manifests" -l log-format -d 'How log lines are written to standard error' -r -f -a "text\t'For people'
json\t'One JSON object in each line'"
complete -c kubewright -n "__fish_kubewright_using_subcommand manifests" -l log-level -d 'A level (error, warn, info, debug, trace), or filter directives such as `info,kube=debug`' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand manifests" -l podnet-policy -d 'With a policy that lets each agent change pods of its own node only (Kubernetes 1.30 or newer)'
complete -c kubewright -n "__fish_kubewright_using_subcommand manifests" -l service-monitors -d 'With Services and ServiceMonitors, for the Prometheus operator'
complete -c kubewright -n "__fish_kubewright_using_subcommand manifests" -l dashboard -d 'With the Grafana dashboard, as a ConfigMap that Grafana\'s sidecar finds'
complete -c kubewright -n "__fish_kubewright_using_subcommand manifests" -l adopt -d 'Take over endpoints that the script made'
complete -c kubewright -n "__fish_kubewright_using_subcommand manifests" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kubewright -n "__fish_kubewright_using_subcommand completions" -l log-format -d 'How log lines are written to standard error' -r -f -a "text\t'For people'
json\t'One JSON object in each line'"
complete -c kubewright -n "__fish_kubewright_using_subcommand completions" -l log-level -d 'A level (error, warn, info, debug, trace), or filter directives such as `info,kube=debug`' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand completions" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kubewright -n "__fish_kubewright_using_subcommand man" -l log-format -d 'How log lines are written to standard error' -r -f -a "text\t'For people'
json\t'One JSON object in each line'"
complete -c kubewright -n "__fish_kubewright_using_subcommand man" -l log-level -d 'A level (error, warn, info, debug, trace), or filter directives such as `info,kube=debug`' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand man" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kubewright -n "__fish_kubewright_using_subcommand version" -s o -l output -d 'How to write the result' -r -f -a "table\t'For people'
json\t'For programs'
yaml\t'For programs and people'"
complete -c kubewright -n "__fish_kubewright_using_subcommand version" -l log-format -d 'How log lines are written to standard error' -r -f -a "text\t'For people'
json\t'One JSON object in each line'"
complete -c kubewright -n "__fish_kubewright_using_subcommand version" -l log-level -d 'A level (error, warn, info, debug, trace), or filter directives such as `info,kube=debug`' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand version" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kubewright -n "__fish_kubewright_using_subcommand help; and not __fish_seen_subcommand_from up local controllers hostendpoint podnet peerpod node console workspace crds manifests completions man version help" -f -a "up" -d 'Bring everything up on this machine, without a cluster, and check it'
complete -c kubewright -n "__fish_kubewright_using_subcommand help; and not __fish_seen_subcommand_from up local controllers hostendpoint podnet peerpod node console workspace crds manifests completions man version help" -f -a "local" -d 'Run a Kubernetes control plane on this machine, without a cluster'
complete -c kubewright -n "__fish_kubewright_using_subcommand help; and not __fish_seen_subcommand_from up local controllers hostendpoint podnet peerpod node console workspace crds manifests completions man version help" -f -a "controllers" -d 'Run the cluster-wide controllers'
complete -c kubewright -n "__fish_kubewright_using_subcommand help; and not __fish_seen_subcommand_from up local controllers hostendpoint podnet peerpod node console workspace crds manifests completions man version help" -f -a "hostendpoint" -d 'Keep Calico HostEndpoints for nodes, and guard nodes while they boot'
complete -c kubewright -n "__fish_kubewright_using_subcommand help; and not __fish_seen_subcommand_from up local controllers hostendpoint podnet peerpod node console workspace crds manifests completions man version help" -f -a "podnet" -d 'Attach running pods to networks, and detach them'
complete -c kubewright -n "__fish_kubewright_using_subcommand help; and not __fish_seen_subcommand_from up local controllers hostendpoint podnet peerpod node console workspace crds manifests completions man version help" -f -a "peerpod" -d 'Give nodes capacity for peer pods, and make pods peer pods'
complete -c kubewright -n "__fish_kubewright_using_subcommand help; and not __fish_seen_subcommand_from up local controllers hostendpoint podnet peerpod node console workspace crds manifests completions man version help" -f -a "node" -d 'Seed a cluster, join nodes to it, and accept, reject and remove them'
complete -c kubewright -n "__fish_kubewright_using_subcommand help; and not __fish_seen_subcommand_from up local controllers hostendpoint podnet peerpod node console workspace crds manifests completions man version help" -f -a "console" -d 'Show what is going on in a browser, live, and let nodes in'
complete -c kubewright -n "__fish_kubewright_using_subcommand help; and not __fish_seen_subcommand_from up local controllers hostendpoint podnet peerpod node console workspace crds manifests completions man version help" -f -a "workspace" -d 'Build images, manifests, bundles and releases from many repositories'
complete -c kubewright -n "__fish_kubewright_using_subcommand help; and not __fish_seen_subcommand_from up local controllers hostendpoint podnet peerpod node console workspace crds manifests completions man version help" -f -a "crds" -d 'Print the CustomResourceDefinitions of kubewright'
complete -c kubewright -n "__fish_kubewright_using_subcommand help; and not __fish_seen_subcommand_from up local controllers hostendpoint podnet peerpod node console workspace crds manifests completions man version help" -f -a "manifests" -d 'Print the manifests that install kubewright in a cluster'
complete -c kubewright -n "__fish_kubewright_using_subcommand help; and not __fish_seen_subcommand_from up local controllers hostendpoint podnet peerpod node console workspace crds manifests completions man version help" -f -a "completions" -d 'Print the completions for a shell'
complete -c kubewright -n "__fish_kubewright_using_subcommand help; and not __fish_seen_subcommand_from up local controllers hostendpoint podnet peerpod node console workspace crds manifests completions man version help" -f -a "man" -d 'Print a manual page'
complete -c kubewright -n "__fish_kubewright_using_subcommand help; and not __fish_seen_subcommand_from up local controllers hostendpoint podnet peerpod node console workspace crds manifests completions man version help" -f -a "version" -d 'Print the version'
complete -c kubewright -n "__fish_kubewright_using_subcommand help; and not __fish_seen_subcommand_from up local controllers hostendpoint podnet peerpod node console workspace crds manifests completions man version help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c kubewright -n "__fish_kubewright_using_subcommand help; and __fish_seen_subcommand_from local" -f -a "start" -d 'Start it in the background'
complete -c kubewright -n "__fish_kubewright_using_subcommand help; and __fish_seen_subcommand_from local" -f -a "stop" -d 'End it'
complete -c kubewright -n "__fish_kubewright_using_subcommand help; and __fish_seen_subcommand_from local" -f -a "status" -d 'Say whether it runs: exit code 0 if it does, else 1'
complete -c kubewright -n "__fish_kubewright_using_subcommand help; and __fish_seen_subcommand_from local" -f -a "kubeconfig" -d 'Print its kubeconfig'
complete -c kubewright -n "__fish_kubewright_using_subcommand help; and __fish_seen_subcommand_from local" -f -a "serve" -d 'Run it in the foreground'
complete -c kubewright -n "__fish_kubewright_using_subcommand help; and __fish_seen_subcommand_from hostendpoint" -f -a "run" -d 'Run the HostEndpoint controller alone'
complete -c kubewright -n "__fish_kubewright_using_subcommand help; and __fish_seen_subcommand_from hostendpoint" -f -a "plan" -d 'Show what the controller would do, and do nothing'
complete -c kubewright -n "__fish_kubewright_using_subcommand help; and __fish_seen_subcommand_from hostendpoint" -f -a "guard" -d 'Close this node\'s interfaces from its start until its policy is in force'
complete -c kubewright -n "__fish_kubewright_using_subcommand help; and __fish_seen_subcommand_from podnet" -f -a "agent" -d 'Attach the running pods of this node to the networks that their annotations name'
complete -c kubewright -n "__fish_kubewright_using_subcommand help; and __fish_seen_subcommand_from podnet" -f -a "attach" -d 'Attach a running pod to a network'
complete -c kubewright -n "__fish_kubewright_using_subcommand help; and __fish_seen_subcommand_from podnet" -f -a "detach" -d 'Detach a running pod from a network'
complete -c kubewright -n "__fish_kubewright_using_subcommand help; and __fish_seen_subcommand_from podnet" -f -a "list" -d 'List the networks of a pod: those it asks for, and those it has'
complete -c kubewright -n "__fish_kubewright_using_subcommand help; and __fish_seen_subcommand_from podnet" -f -a "install" -d 'Make kubewright the node\'s first CNI configuration'
complete -c kubewright -n "__fish_kubewright_using_subcommand help; and __fish_seen_subcommand_from podnet" -f -a "uninstall" -d 'Give the node its previous first CNI configuration back'
complete -c kubewright -n "__fish_kubewright_using_subcommand help; and __fish_seen_subcommand_from peerpod" -f -a "run" -d 'Run the peer-pod controller alone'
complete -c kubewright -n "__fish_kubewright_using_subcommand help; and __fish_seen_subcommand_from peerpod" -f -a "plan" -d 'Show how many peer pods each node would advertise and why, and write nothing'
complete -c kubewright -n "__fish_kubewright_using_subcommand help; and __fish_seen_subcommand_from peerpod" -f -a "webhook" -d 'Serve the webhook that makes pods of a runtime class peer pods'
complete -c kubewright -n "__fish_kubewright_using_subcommand help; and __fish_seen_subcommand_from node" -f -a "init" -d 'Make this machine the first node of a new cluster'
complete -c kubewright -n "__fish_kubewright_using_subcommand help; and __fish_seen_subcommand_from node" -f -a "join" -d 'Make this machine a node of a cluster'
complete -c kubewright -n "__fish_kubewright_using_subcommand help; and __fish_seen_subcommand_from node" -f -a "status" -d 'Say what this machine is and whether its service runs: exit code 0 if it is as it should be, else 1'
complete -c kubewright -n "__fish_kubewright_using_subcommand help; and __fish_seen_subcommand_from node" -f -a "token" -d 'Make, list, show and delete bootstrap tokens'
complete -c kubewright -n "__fish_kubewright_using_subcommand help; and __fish_seen_subcommand_from node" -f -a "pending" -d 'List the nodes that wait to be accepted'
complete -c kubewright -n "__fish_kubewright_using_subcommand help; and __fish_seen_subcommand_from node" -f -a "accept" -d 'Accept nodes that wait, by name or by a policy'
complete -c kubewright -n "__fish_kubewright_using_subcommand help; and __fish_seen_subcommand_from node" -f -a "reject" -d 'Reject a node that waits'
complete -c kubewright -n "__fish_kubewright_using_subcommand help; and __fish_seen_subcommand_from node" -f -a "remove" -d 'Cordon and drain a node, and delete it with all that stands for it'
complete -c kubewright -n "__fish_kubewright_using_subcommand help; and __fish_seen_subcommand_from node" -f -a "reset" -d 'Make this machine free: no node of any cluster, and nothing left of one'
complete -c kubewright -n "__fish_kubewright_using_subcommand help; and __fish_seen_subcommand_from node" -f -a "config" -d 'Check the configuration of a machine, print its defaults, or migrate one of kubic-init'
complete -c kubewright -n "__fish_kubewright_using_subcommand help; and __fish_seen_subcommand_from node" -f -a "cloud-init" -d 'Print the user data with which cloud-init makes a machine a seeder or a node'
complete -c kubewright -n "__fish_kubewright_using_subcommand help; and __fish_seen_subcommand_from node" -f -a "serve" -d 'Run the service of this machine in the foreground, for systemd'
complete -c kubewright -n "__fish_kubewright_using_subcommand help; and __fish_seen_subcommand_from workspace" -f -a "init" -d 'Begin a workspace.toml from what is there'
complete -c kubewright -n "__fish_kubewright_using_subcommand help; and __fish_seen_subcommand_from workspace" -f -a "sync" -d 'Clone and fetch repositories, and bring their trees to what the lock has'
complete -c kubewright -n "__fish_kubewright_using_subcommand help; and __fish_seen_subcommand_from workspace" -f -a "status" -d 'Show branches, changed files and drift from the lock'
complete -c kubewright -n "__fish_kubewright_using_subcommand help; and __fish_seen_subcommand_from workspace" -f -a "graph" -d 'Draw which component needs which, and how that is known'
complete -c kubewright -n "__fish_kubewright_using_subcommand help; and __fish_seen_subcommand_from workspace" -f -a "why" -d 'Say why one component needs another'
complete -c kubewright -n "__fish_kubewright_using_subcommand help; and __fish_seen_subcommand_from workspace" -f -a "skew" -d 'Show which version of each other the components pin, and how far that is from what lies here'
complete -c kubewright -n "__fish_kubewright_using_subcommand help; and __fish_seen_subcommand_from workspace" -f -a "build" -d 'Build components, each after what it needs, and only what changed'
complete -c kubewright -n "__fish_kubewright_using_subcommand help; and __fish_seen_subcommand_from workspace" -f -a "image" -d 'Make images of components, for each platform, building first what is not built'
complete -c kubewright -n "__fish_kubewright_using_subcommand help; and __fish_seen_subcommand_from workspace" -f -a "index" -d 'Join the images of all platforms, so that each machine takes its own'
complete -c kubewright -n "__fish_kubewright_using_subcommand help; and __fish_seen_subcommand_from workspace" -f -a "push" -d 'Push the images of all platforms, joined, to the registry of the workspace'
complete -c kubewright -n "__fish_kubewright_using_subcommand help; and __fish_seen_subcommand_from workspace" -f -a "manifests" -d 'Set the images of this workspace in Kubernetes manifests'
complete -c kubewright -n "__fish_kubewright_using_subcommand help; and __fish_seen_subcommand_from workspace" -f -a "bundle" -d 'Carry the workspace in one file to where there is no network'
complete -c kubewright -n "__fish_kubewright_using_subcommand help; and __fish_seen_subcommand_from workspace" -f -a "deploy" -d 'Try the manifests out in a cluster, and judge what becomes of them'
complete -c kubewright -n "__fish_kubewright_using_subcommand help; and __fish_seen_subcommand_from workspace" -f -a "release" -d 'Build, build again from nothing, compare, and tag'
complete -c kubewright -n "__fish_kubewright_using_subcommand help; and __fish_seen_subcommand_from workspace" -f -a "dev-vm" -d 'Write a cloud-init file for a virtual machine to develop on'
