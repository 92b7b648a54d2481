# A seeder and nodes on libvirt. The machines configure themselves at first boot, by the documents
# of `kubewright node cloud-init`; there is nothing to log in for.
#
#   terraform apply -var nodes=0 …                     the seeder
#   ssh root@$(terraform output -raw seeder) kubewright node status
#   terraform apply -var ca_crt_hash=sha256:… …        the nodes, which believe that seeder only

locals {
  own_seeder = var.seeder_address == ""
  seeder     = local.own_seeder ? one(libvirt_domain.seeder[*].network_interface[0].addresses[0]) : var.seeder_address
  token      = var.token != "" ? var.token : "${random_string.token_id.result}.${random_password.token_secret.result}"
  nodes      = var.ca_crt_hash == "" ? 0 : var.nodes
  documents  = "${path.module}/../cloud-init"
}

resource "random_string" "token_id" {
  length  = 6
  special = false
  upper   = false
}

resource "random_password" "token_secret" {
  length  = 16
  special = false
  upper   = false
}

resource "libvirt_volume" "base" {
  name   = "${var.prefix}-base.qcow2"
  pool   = var.pool
  source = var.image
  format = "qcow2"
}

resource "libvirt_volume" "seeder" {
  count          = local.own_seeder ? 1 : 0
  name           = "${var.prefix}-seeder.qcow2"
  pool           = var.pool
  base_volume_id = libvirt_volume.base.id
  size           = var.disk
}

resource "libvirt_cloudinit_disk" "seeder" {
  count = local.own_seeder ? 1 : 0
  name  = "${var.prefix}-seeder.iso"
  pool  = var.pool
  user_data = templatefile("${local.documents}/seeder.yaml.tftpl", {
    hostname       = "${var.prefix}-seeder"
    ssh_key        = var.ssh_key
    package_url    = var.package_url
    package_sha256 = var.package_sha256
    token          = local.token
  })
}

resource "libvirt_domain" "seeder" {
  count     = local.own_seeder ? 1 : 0
  name      = "${var.prefix}-seeder"
  memory    = var.seeder_memory
  vcpu      = 2
  cloudinit = libvirt_cloudinit_disk.seeder[0].id

  cpu {
    mode = "host-passthrough"
  }

  disk {
    volume_id = libvirt_volume.seeder[0].id
  }

  network_interface {
    network_name   = var.network
    wait_for_lease = true
  }

  console {
    type        = "pty"
    target_port = "0"
    target_type = "serial"
  }
}

resource "libvirt_volume" "node" {
  count          = local.nodes
  name           = "${var.prefix}-node-${count.index}.qcow2"
  pool           = var.pool
  base_volume_id = libvirt_volume.base.id
  size           = var.disk
}

resource "libvirt_cloudinit_disk" "node" {
  count = local.nodes
  name  = "${var.prefix}-node-${count.index}.iso"
  pool  = var.pool
  user_data = templatefile("${local.documents}/node.yaml.tftpl", {
    hostname       = "${var.prefix}-node-${count.index}"
    ssh_key        = var.ssh_key
    package_url    = var.package_url
    package_sha256 = var.package_sha256
    token          = local.token
    seeder         = local.seeder
    ca_crt_hash    = var.ca_crt_hash
  })
}

resource "libvirt_domain" "node" {
  count     = local.nodes
  name      = "${var.prefix}-node-${count.index}"
  memory    = var.node_memory
  vcpu      = 2
  cloudinit = libvirt_cloudinit_disk.node[count.index].id

  cpu {
    mode = "host-passthrough"
  }

  disk {
    volume_id = libvirt_volume.node[count.index].id
  }

  network_interface {
    network_name   = var.network
    wait_for_lease = true
  }

  console {
    type        = "pty"
    target_port = "0"
    target_type = "serial"
  }
}
