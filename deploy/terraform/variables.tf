variable "libvirt_uri" {
  type        = string
  default     = "qemu:///system"
  description = "The hypervisor."
}

variable "pool" {
  type        = string
  default     = "default"
  description = "Storage pool of the disks."
}

variable "network" {
  type        = string
  default     = "default"
  description = "An existing libvirt network."
}

variable "image" {
  type        = string
  description = "URL or path of a cloud image in qcow2, with a container runtime, kubelet and kubeadm."
}

variable "prefix" {
  type        = string
  default     = "kubewright"
  description = "What the names of all resources begin with."

  validation {
    condition     = can(regex("^[a-z0-9]([a-z0-9-]{0,40}[a-z0-9])?$", var.prefix))
    error_message = "Host names are made of it: lower-case letters, digits and dashes."
  }
}

variable "nodes" {
  type        = number
  default     = 1
  description = "Machines besides the seeder. Their documents need ca_crt_hash."

  validation {
    condition     = var.nodes >= 0 && floor(var.nodes) == var.nodes
    error_message = "A whole number, 0 or more."
  }
}

variable "seeder_address" {
  type        = string
  default     = ""
  description = "An API server elsewhere. When it is set there is no seeder of our own, only nodes."
}

variable "ca_crt_hash" {
  type        = string
  default     = ""
  description = "Pin of the cluster's authority, sha256:…, as `kubewright node init` prints it. Nodes are made once it is known."

  validation {
    condition     = var.ca_crt_hash == "" || can(regex("^sha256:[0-9a-f]{64}$", var.ca_crt_hash))
    error_message = "sha256: and 64 hexadecimal digits."
  }
}

variable "token" {
  type        = string
  default     = ""
  sensitive   = true
  description = "Bootstrap token; one is made when it is empty. It is good for 24 hours from the seeder's first boot: later nodes need another one, in a state of their own."

  validation {
    condition     = var.token == "" || can(regex("^[a-z0-9]{6}\\.[a-z0-9]{16}$", var.token))
    error_message = "Six and sixteen lower-case letters or digits, with a dot between."
  }
}

variable "ssh_key" {
  type        = string
  description = "Public key that may log in as root."
}

variable "package_url" {
  type        = string
  description = "Where the machines get the deb or rpm of kubewright."
}

variable "package_sha256" {
  type        = string
  description = "Its SHA-256."

  validation {
    condition     = can(regex("^[0-9a-f]{64}$", var.package_sha256))
    error_message = "64 hexadecimal digits."
  }
}

variable "seeder_memory" {
  type        = number
  default     = 3072
  description = "Memory of the seeder, MiB."
}

variable "node_memory" {
  type        = number
  default     = 2048
  description = "Memory of each node, MiB."
}

variable "disk" {
  type        = number
  default     = 21474836480
  description = "Size of each disk, bytes."
}
