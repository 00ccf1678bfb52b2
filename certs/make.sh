#!/bin/sh
# make.sh DIR NAME…: a private CA (kept when it is there) and a server certificate for the names, in DIR.
# Names are host names, wildcards or IP addresses. See README.md.
set -eu
umask 077
dir=${1:?make.sh DIR NAME…}
shift
[ $# -gt 0 ] || { echo "make.sh DIR NAME…: no name given" >&2; exit 2; }
mkdir -p "$dir"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

new_key() { openssl genpkey -quiet -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1" 2>/dev/null \
  || openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1" 2>/dev/null; }

if [ ! -f "$dir/ca.pem" ]; then
  new_key "$dir/ca.key"
  openssl req -x509 -new -sha256 -key "$dir/ca.key" -days 3650 -subj "/CN=Bartizan private CA" \
    -addext 'basicConstraints=critical,CA:TRUE,pathlen:0' -addext 'keyUsage=critical,keyCertSign,cRLSign' \
    -out "$dir/ca.pem"
fi

names=
for name in "$@"; do
  case $name in
    *:* | *[0-9].[0-9]*.[0-9]*.[0-9]*) kind=IP ;;
    *) kind=DNS ;;
  esac
  case $name in *[!0-9.]*) case $name in *:*) ;; *) kind=DNS ;; esac ;; esac
  names="$names${names:+,}$kind:$name"
done
cat >"$work/ext" <<EXT
basicConstraints=critical,CA:FALSE
keyUsage=critical,digitalSignature
extendedKeyUsage=serverAuth
subjectAltName=$names
subjectKeyIdentifier=hash
authorityKeyIdentifier=keyid
EXT
new_key "$work/key"
openssl req -new -sha256 -key "$work/key" -subj "/CN=bartizan" -out "$work/csr"
openssl x509 -req -sha256 -in "$work/csr" -CA "$dir/ca.pem" -CAkey "$dir/ca.key" -set_serial "0x$(openssl rand -hex 16)" \
  -days 90 -extfile "$work/ext" -out "$work/pem" 2>/dev/null
mv "$work/key" "$dir/server.key"
mv "$work/pem" "$dir/server.pem"
chmod 644 "$dir/ca.pem" "$dir/server.pem"
