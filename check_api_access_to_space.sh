#!/usr/bin/env bash
# Is the space visible to this credential? Its key, id and number of pages, and which scopes the token lacks.
# Needs curl and jq, and CONF_CLOUD_ID, CONF_USER and CONF_API_TOKEN (or CONF_API_TOKEN_FILE) in the environment or in .env and
# .env.secrets of this folder; the environment wins. SPACE_NAME, or the first space in FILTER_SPACE_KEYS or SCOPE, is looked for ("Known Issues"
# where none is set); CONF_GATEWAY_URL and CA_BUNDLE are honoured. Only reads. test_confluence.py is the longer check.
#
# Ends with 0: visible, and no scope is missing · 69: no answer · 77: refused, a scope is missing, or not visible
# 78: wrong settings.
set +x -euo pipefail # never traced: the token would be in the trace

fail() { # code, what is wrong, what to do
  printf '✗ %s\n' "$2"
  [ -z "${3:-}" ] || printf '  → %s\n' "$3"
  exit "$1"
}

FILES="" # lines of .env and .env.secrets; the later file wins, and in a file the later line
for file in .env .env.secrets; do
  if [ -r "$file" ]; then FILES+=$(sed -e 's/\r$//' -e 's/^\xef\xbb\xbf//' "$file")$'\n'; fi
done

from_files() { # a variable's value as the files have it: NAME=value, blanks around both allowed
  local line found=""
  while IFS= read -r line; do
    if [[ "$line" =~ ^[[:space:]]*(export[[:space:]]+)?"$1"[[:space:]]*=[[:space:]]*(.*)$ ]]; then
      found=${BASH_REMATCH[2]}
    fi
  done <<<"$FILES"
  printf '%s' "${found%"${found##*[![:space:]]}"}"
}

setting() { # a variable's value without one pair of quotes, as podman and oc hand them on
  local value="${!1:-}"
  [ -n "${!1+set}" ] || value=$(from_files "$1")
  case "$value" in
    \"*\" | \'*\') [ "${#value}" -lt 2 ] || value="${value:1:${#value}-2}" ;;
  esac
  printf '%s' "$value"
}

for tool in curl jq; do
  command -v "$tool" >/dev/null || fail 78 "$tool is not installed" "Install it with the system's package manager."
done

CLOUD_ID=$(setting CONF_CLOUD_ID)
CONF_ACCOUNT=$(setting CONF_USER)
TOKEN=$(setting CONF_API_TOKEN)
TOKEN_FILE=$(setting CONF_API_TOKEN_FILE)
SPACE=$(setting SPACE_NAME)
KEY=$(setting FILTER_SPACE_KEYS)
KEY=${KEY%%,*} KEY_FROM=FILTER_SPACE_KEYS
ITEMS=$(setting SCOPE)
if [ -n "$ITEMS" ]; then
  KEY=$(tr , '\n' <<<"$ITEMS" | sed -n 's/^ *[Ss][Pp][Aa][Cc][Ee] *: *//p' | head -n 1) KEY_FROM=SCOPE
elif [ -z "$SPACE$KEY" ]; then
  SPACE="Known Issues"
fi
GATEWAY=$(setting CONF_GATEWAY_URL)
GATEWAY=${GATEWAY:-https://api.atlassian.com}
GATEWAY=${GATEWAY%/}
CA=$(setting CA_BUNDLE)

if [ -z "$TOKEN" ] && [ -n "$TOKEN_FILE" ]; then
  [ -r "$TOKEN_FILE" ] || fail 78 "CONF_API_TOKEN_FILE: there is no such file, or it cannot be read"
  TOKEN=$(<"$TOKEN_FILE")
fi
missing=""
[ -n "$CLOUD_ID" ] || missing="$missing CONF_CLOUD_ID"
[ -n "$CONF_ACCOUNT" ] || missing="$missing CONF_USER"
[ -n "$TOKEN" ] || missing="$missing CONF_API_TOKEN"
[ -z "$missing" ] || fail 78 "not set:$missing" "Write them into .env and .env.secrets (see .env.example), or set them in the environment."
[[ "$CLOUD_ID" =~ ^[0-9a-fA-F-]{36}$ ]] || fail 78 "CONF_CLOUD_ID is no cloud id" \
  "https://SITE.atlassian.net/_edge/tenant_info shows it."
[[ "$CONF_ACCOUNT$TOKEN" =~ ^[[:graph:]]+$ ]] || fail 78 "CONF_USER or CONF_API_TOKEN holds blanks or line breaks"
[[ "$GATEWAY" =~ ^(https://[^/@]+|http://(localhost|127\.[0-9.]+|\[::1\])(:[0-9]+)?)$ ]] ||
  fail 78 "CONF_GATEWAY_URL is no https origin (http only for this machine itself)"

escaped() { # for a quoted string in curl's configuration
  local value="${1//\\/\\\\}"
  printf '%s' "${value//\"/\\\"}"
}

STATUS=0
BODY=""
ask() { # GET a path: STATUS and BODY. The credential goes to curl by a pipe, so that ps does not show it.
  local answer options=(--silent --globoff --max-redirs 0 --max-time 60 --retry 3 --header "Accept: application/json")
  [ -z "$CA" ] || [ ! -s "$CA" ] || options+=(--cacert "$CA")
  if ! answer=$(printf 'user = "%s"\n' "$(escaped "$CONF_ACCOUNT:$TOKEN")" |
    curl -q --config - "${options[@]}" --write-out '\n%{http_code}' "$GATEWAY/ex/confluence/$CLOUD_ID$1"); then
    fail 69 "$GATEWAY does not answer" "Check the network, the proxy, CA_BUNDLE and CONF_GATEWAY_URL."
  fi
  STATUS=${answer##*$'\n'}
  BODY=${answer%$'\n'*}
}

from_body() { # a jq expression over the answer; empty where that is no JSON
  jq -r "$@" 2>/dev/null <<<"$BODY" || true
}

lacks_scope() {
  [ "$STATUS" = 401 ] && [[ "$(from_body '.message? // ""')" == *"scope does not match"* ]]
}

# --- the gateway, the site, the credential: one question tells

ask "/wiki/api/v2/spaces?limit=1"
if ! lacks_scope; then
  case "$STATUS" in
    200) [ -n "$(from_body '.results | type')" ] || fail 69 "$GATEWAY answers, but not with JSON" \
      "Something stands between: check CONF_GATEWAY_URL and the proxy." ;;
    429 | 5??) fail 69 "Confluence answers $STATUS" "Try again later." ;;
    401 | 403 | 404)
      [ -n "$(from_body type)" ] || fail 77 "$GATEWAY answers $STATUS, and not with JSON" \
        "Something stands between: check CONF_GATEWAY_URL and the proxy."
      [ "$STATUS" != 404 ] || [ -z "$(from_body '.code? // empty')" ] || fail 77 "the gateway does not know this site" \
        "Check CONF_CLOUD_ID: https://SITE.atlassian.net/_edge/tenant_info shows it."
      fail 77 "the credential is refused ($STATUS)" "Check CONF_USER and CONF_API_TOKEN: expired, revoked, mistyped?"
      ;;
    *) fail 69 "Confluence answers $STATUS" "Check CONF_GATEWAY_URL and the proxy." ;;
  esac
fi
printf '✓ the gateway answers, the site exists, the credential is accepted\n'

# --- scopes: the gateway looks at them first, so an id that cannot be proves one too

code=0 folders=optional
case "$(setting SCOPE) $(setting FILTER_FOLDER_ID)$(setting EXCLUDE_TREES)" in
  *[Tt][Rr][Ee][Ee]:* | *" "[0-9]*) folders=required ;; # they decide what is in the scope
esac
while read -r need scope path what; do
  ask "$path"
  if lacks_scope; then
    if [ "$need" = required ]; then
      printf '✗ the token lacks %s: %s\n' "$scope" "$what"
      code=77
    else
      printf '! the token lacks %s: %s, left out without it\n' "$scope" "$what"
    fi
  fi
done <<SCOPES
required read:space:confluence /wiki/api/v2/spaces?limit=1 listing spaces
required read:page:confluence /wiki/api/v2/pages?limit=1 listing and reading pages and blog posts
required search:confluence /wiki/rest/api/content/search?cql=type%3Dpage&limit=1 finding what changed, and labels
$folders read:folder:confluence /wiki/api/v2/folders/1 names of folders, and what lies in which
optional read:confluence-user /wiki/rest/api/user/current names of authors
optional read:whiteboard:confluence /wiki/api/v2/whiteboards/1 names of whiteboards
optional read:database:confluence /wiki/api/v2/databases/1 names of databases
optional read:embed:confluence /wiki/api/v2/embeds/1 names of smart links
SCOPES
if [ "$code" != 0 ]; then
  printf '  → Scopes are fixed when a token is made: make a new one with these added.\n'
else
  printf '✓ the token has the scopes that every sync needs\n'
fi

# --- lists: only the cursor is taken from the link to the next page; the address stays ours

list() { # path with a query: one JSON row a line
  local cursor="" seen=" "
  while :; do
    ask "$1${cursor:+&cursor=$cursor}"
    [ "$STATUS" = 200 ] || return 1
    from_body -c '.results[]'
    cursor=$(from_body '._links.next // ""' | sed -n 's/.*[?&]cursor=\([^&]*\).*/\1/p')
    [ -n "$cursor" ] || return 0
    [[ "$seen" != *" $cursor "* ]] || return 1
    seen="$seen$cursor "
  done
}

spaces=$(list "/wiki/api/v2/spaces?limit=250") || fail 77 "the spaces cannot be listed"
find_space() { # a field, and its value in any case
  jq -c --arg field "$1" --arg wanted "$2" \
    'select((.[$field] // "" | ascii_downcase) == ($wanted | ascii_downcase))' <<<"$spaces"
}

if [ -z "$SPACE$KEY" ]; then
  printf '! SCOPE names no space: test_confluence.py looks at its trees and pages\n'
  exit "$code"
fi
if [ -n "$SPACE" ]; then
  found=$(jq -c --arg name "$SPACE" 'select(.name == $name)' <<<"$spaces")
  [ -n "$found" ] || found=$(find_space name "$SPACE")
  sought="is named $SPACE" variable=SPACE_NAME
else
  found=$(find_space key "$KEY")
  [ -n "$found" ] || found=$(find_space currentActiveAlias "$KEY")
  sought="has the key $KEY" variable=$KEY_FROM
fi
if [ -z "$found" ]; then
  visible=$(jq -r '"\(.name) (\(.key))"' <<<"$spaces" | head -n 10 | paste -sd ';' - | sed 's/;/; /g')
  more=$(($(grep -c . <<<"$spaces" || true) - 10))
  [ "$more" -le 0 ] || visible="$visible and $more more"
  fail 77 "no visible space $sought. Visible: ${visible:-none}" \
    "Correct $variable, or give the account the right to view the space."
fi
[ "$(wc -l <<<"$found")" -eq 1 ] || fail 78 "several spaces are named $SPACE" \
  "Name one by its key in FILTER_SPACE_KEYS: $(jq -r .key <<<"$found" | paste -sd ' ' -)"
id=$(jq -r .id <<<"$found")
pages=$(list "/wiki/api/v2/spaces/$id/pages?limit=250&status=current") || fail 77 "the pages cannot be listed"
printf '✓ %s is visible: key %s, id %s, %s pages\n' \
  "$(jq -r .name <<<"$found")" "$(jq -r .key <<<"$found")" "$id" "$(grep -c . <<<"$pages" || true)"
exit "$code"
