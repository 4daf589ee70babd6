"""An environment that is complete, for the tests of this folder."""

REQUIRED = {
    "CONF_CLOUD_ID": "11111111-2222-3333-4444-555555555555",
    "CONF_USER": "bot@serviceaccount.atlassian.com",
    "CONF_API_TOKEN": "ATSTT3xFfGF0-canary=0123ABCD",
}
