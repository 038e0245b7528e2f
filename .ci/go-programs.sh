# Builds programs of one Go module, once per version, into .cache/<name>/<version>/bin. Sourced by `build-control-plane`
# and `build-compose`, which say what is built; each module pins its versions in its own folder's go.mod.

say() { printf '%s: %s\n' "$name" "$*" >&2; }
fail() { say "$*"; exit 1; }

# begin NAME MODULE: the wrapper module .ci/NAME, versioned as the MODULE it requires. Ends the script, printing the
# folder of the programs, when they are already built of the same go.mod and scripts.
begin() {
    name=$1
    local root advice
    root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
    wrapper=$root/.ci/$name
    version=$(awk -v module="$2" '$1 == "require" { $0 = substr($0, 9) } $1 == module && $2 ~ /^v/ { print $2; exit }' \
        "$wrapper/go.mod")
    folder=$root/.cache/$name/$version
    mkdir -p "$folder/bin"
    exec 9>"$folder/lock" # two builds at once would only take turns on the same cores
    flock 9

    stamp=$(cat "$wrapper/go.mod" "$wrapper/go.sum" "$0" "${BASH_SOURCE[0]}" | sha256sum | cut -d' ' -f1)
    if [[ $(cat "$folder/stamp" 2>/dev/null) == "$stamp" ]]; then
        say "$version is already built"
        echo "$folder/bin"
        exit 0
    fi

    advice="install Go $(awk '$1 == "go" { print $2 }' "$wrapper/go.mod") or later"
    advice+=" (a distribution's golang package only where it is that new)"
    command -v go >/dev/null || fail "Go is not installed: $advice"
    # Inside the module, an older Go tries to download the toolchain that go.mod asks for, or says that it is too old.
    (cd "$wrapper" && go version >&2) || fail "this Go is too old, and cannot have a newer toolchain: $advice"
}

# build PROGRAM PACKAGE [LDFLAGS]
build() {
    local start=$SECONDS
    say "building $1 $version"
    (cd "$wrapper" && CGO_ENABLED=0 go build -trimpath -ldflags "-s -w ${3:-}" -o "$folder/bin/$1" "$2") ||
        fail "$1 does not build"
    say "built $1 in $((SECONDS - start)) s"
}

# end: from now on the programs count as built; prints their folder.
end() {
    echo "$stamp" >"$folder/stamp"
    echo "$folder/bin"
}
