# Install the programs that some tests need, where that is possible without asking: as root on
# Debian or Ubuntu. Elsewhere the tests themselves say what they left out.
set -eu

missing=""
for tool in docker-registry skopeo redis-server chromium; do
    command -v "$tool" >/dev/null || missing="$missing $tool"
done

if [ -n "$missing" ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "Installing$missing ..."
    apt-get update -qq
    # The tests start these programs themselves: run level 1 keeps them from starting as services.
    # shellcheck disable=SC2086
    DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 \
        apt-get install -qq -y --no-install-recommends $missing >/dev/null
fi
