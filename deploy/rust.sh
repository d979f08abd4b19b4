# shellcheck shell=bash
# The Rust toolchain and C compiler that building needs. Sourced after lib.sh.

PATH=$PATH:$HOME/.cargo/bin

# True when the toolchain is there and not older than Cargo.toml asks for.
rust_is_new_enough() {
  local wanted version
  wanted=$(sed -n 's/^rust-version = "\(.*\)"$/\1/p' "$ROOT/Cargo.toml")
  version=$(cargo --version 2>/dev/null) || return 1
  version=${version#cargo }
  version=${version%% *}
  [[ $(printf '%s\n' "$wanted" "$version" | sort -V | head -n 1) == "$wanted" ]]
}

# Rust comes from rustup: Debian's own package of it where there is one (13 and later), else the
# installer of the Rust project. Only for root, who asked for a machine to be set up.
install_rust() {
  ((EUID == 0)) || return 1
  if ! have rustup && ! { apt-cache show rustup >/dev/null 2>&1 && apt_install rustup; }; then
    have curl || apt_install curl ca-certificates || return 1
    say "Installing Rust with the installer of rust-lang.org"
    curl --proto '=https' --tlsv1.2 --silent --show-error --fail https://sh.rustup.rs |
      sh -s -- -y --no-modify-path --profile minimal || return 1
  fi
  hash -r
  rustup toolchain install stable --profile minimal --component clippy --component rustfmt
}

need_rust() {
  rust_is_new_enough || { install_rust >&2 </dev/null && rust_is_new_enough; } ||
    die "$EX_UNAVAILABLE" "Rust $(sed -n 's/^rust-version = "\(.*\)"$/\1/p' "$ROOT/Cargo.toml") or later is missing. \
Install it with rustup, see https://rustup.rs, then try again."
  # PCRE2, the cryptography of TLS and the allocator are C.
  need_command cc gcc libc6-dev
  need_command make make
}

# need_rust_tool NAME COMPONENT: `cargo NAME`.
need_rust_tool() {
  cargo "$1" --version >/dev/null 2>&1 || rustup component add "$2" >&2 ||
    die "$EX_UNAVAILABLE" "'cargo $1' is missing. Install it with: rustup component add $2"
}
