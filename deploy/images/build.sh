#!/bin/sh
# Programs of kubewright for TARGETARCH, with what they are linked to, as the root of an image: out/.
# Run by `kubewright workspace build` in a copy of the sources.
set -eu

case "$TARGETARCH" in
    amd64) triple=x86_64-unknown-linux-gnu compiler=x86_64-linux-gnu-gcc
        package=gcc-x86-64-linux-gnu loader=lib64/ld-linux-x86-64.so.2 ;;
    arm64) triple=aarch64-unknown-linux-gnu compiler=aarch64-linux-gnu-gcc
        package=gcc-aarch64-linux-gnu loader=lib/ld-linux-aarch64.so.1 ;;
    *) echo "no image is made for $TARGETARCH" >&2; exit 1 ;;
esac
command -v "$compiler" >/dev/null || {
    echo "no $compiler: on Debian, apt-get install $package libc6-dev-$TARGETARCH-cross" >&2
    exit 1
}
[ -d "$(rustc --print target-libdir --target "$triple")" ] || {
    echo "no Rust library for $triple: rustup target add $triple" >&2
    exit 1
}

# Paths of this machine in no program: the same sources give the same bytes in any folder.
remap="--remap-path-prefix=$PWD=/kubewright --remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=/cargo"
variable=$(echo "$triple" | tr a-z- A-Z_)
export "CARGO_TARGET_${variable}_LINKER=$compiler" "CC_$(echo "$triple" | tr - _)=$compiler"
export CARGO_INCREMENTAL=0

# Beside the copy, which is new each time.
target=$PWD/../cargo
RUSTFLAGS="$remap" cargo build --locked --target "$triple" --target-dir "$target" \
    --profile dist --package kubewright --bin kubewright
# On every node, so as small as it gets.
RUSTFLAGS="$remap" cargo build --locked --target "$triple" --target-dir "$target" \
    --profile node --package kubewright --bin kubewright-podnet
# Static: it is copied to nodes whose C library nobody knows.
RUSTFLAGS="$remap -C target-feature=+crt-static" cargo build --locked --target "$triple" \
    --target-dir "$target/static" --profile dist --package kubewright-cni-shim

install -D "$target/$triple/dist/kubewright" out/usr/bin/kubewright
install -D "$target/$triple/node/kubewright-podnet" out/usr/bin/kubewright-podnet
install -D "$target/static/$triple/dist/kubewright-cni" out/usr/lib/kubewright/kubewright-cni
for library in libc.so.6 libm.so.6 libgcc_s.so.1; do
    install -D -m 644 "$("$compiler" -print-file-name="$library")" "out/lib/$library"
done
install -D "$("$compiler" -print-file-name="${loader##*/}")" "out/$loader"
install -D -m 644 /etc/ssl/certs/ca-certificates.crt out/etc/ssl/certs/ca-certificates.crt
