"""Invariant 7: who gets the token, over which connection."""

from __future__ import annotations

from scripts.sabotage.sabotage import SOURCE, Sabotage

SECRETS_BREAKS: tuple[Sabotage, ...] = (
    Sabotage(
        "the Authorization header is logged",
        "7",
        "confluence/gateway.py",
        "        reply = self._send_request(route, path, params, body)\n",
        "        reply = self._send_request(route, path, params, body)\n"
        '        _log.debug("%s", vars(self._credential))\n',
        SOURCE,
    ),
    Sabotage(
        "requests go where _links.base says",
        "7",
        "confluence/gateway.py",
        "        reply = self._send_request(route, path, params, body)\n",
        '        self._session.base_url = self._site_url.removesuffix("/wiki") or self._session.base_url\n'
        "        reply = self._send_request(route, path, params, body)\n",
        SOURCE,
    ),
    Sabotage(
        "redirects are followed",
        "7",
        "net/session.py",
        "    def get_redirect_target(self, _resp: requests.Response) -> None:\n",
        "    def redirect_target(self, _resp: requests.Response) -> None:\n",
        SOURCE,
    ),
    Sabotage(
        "certificates are not verified",
        "7",
        "net/session.py",
        "        self._verify: str | bool = ca_bundle or True\n",
        "        self._verify: str | bool = ca_bundle or False\n",
        SOURCE,
    ),
    Sabotage(
        "quotes in CQL are not escaped",
        "7",
        "confluence/cql.py",
        '    escaped = value.replace("\\\\", "\\\\\\\\").replace(\'"\', \'\\\\"\')\n',
        "    escaped = value\n",
        SOURCE,
    ),
)
