"""The kinds of secrets that the corpus plants: how each looks, and the names it goes by.

Written from the providers' documentation and from what other scanners look for, never from the rules under test. No
secret stands here: a shape says how many characters of which alphabet follow which prefix, and values are drawn from a
seeded generator.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import string
import uuid
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

import keys

ALPHABETS = {
    "a": string.ascii_letters + string.digits,
    "b": string.ascii_letters + string.digits + "+/",
    "d": string.digits,
    "h": "0123456789abcdef",
    "H": "0123456789ABCDEF",
    "L": string.ascii_letters,
    "l": string.ascii_lowercase,
    "q": "qpzry9x8gf2tvdw0s3jn54khce6mua7l".upper(),
    "t": "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567",
    "w": string.ascii_letters + string.digits + "-_",
    "z": string.ascii_lowercase + string.digits,
    "Z": string.ascii_uppercase + string.digits,
}
"""Letters of a shape's `{letter count}`, with what they draw from; `{uuid}` is a random UUID."""
_PART = re.compile(r"\{(uuid|[A-Za-z]\d+)\}")
_BASE62 = string.digits + string.ascii_uppercase + string.ascii_lowercase
_BASE36 = string.digits + string.ascii_lowercase


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """What one kind of secret is called and how a value of it is made."""

    id: str
    names: tuple[str, ...]
    """Names in snake case that people give it; words of a provider stand in every name where the value alone does not
    tell whose it is."""
    make: Callable[[Random], str]
    plain: bool = True
    """Whether the value stands in any quoted string: one line of printable ASCII without quotes and backslashes."""
    telling: bool = False
    """Whether the value alone tells what it is, so that it may also stand under a name that says nothing."""


def draw(random: Random, shape: str) -> str:
    """A value of a shape such as `ab_{h32}`."""

    def part(match: re.Match[str]) -> str:
        if match[1] == "uuid":
            return str(uuid.UUID(int=random.getrandbits(128), version=4))
        return "".join(random.choices(ALPHABETS[match[1][0]], k=int(match[1][1:])))

    return _PART.sub(part, shape)


def kinds() -> tuple[Kind, ...]:
    """All kinds, in the order of their ids."""
    found = [
        Kind(id=id_, names=tuple(names.split()), make=lambda random, shape=shape: draw(random, shape), telling=telling)
        for telling, table in ((True, TELLING), (False, NAMED))
        for id_, names, shape in _rows(table)
    ]
    found += [
        Kind(id=id_, names=tuple(names.split()), make=make, plain=plain, telling=telling)
        for id_, names, make, plain, telling in _MADE
    ]
    return tuple(sorted(found, key=lambda kind: kind.id))


def _rows(table: str) -> list[tuple[str, str, str]]:
    rows = []
    for line in table.strip().splitlines():
        id_, names, shape = (cell.strip() for cell in line.split("|", 2))
        rows.append((id_, names, shape))
    return rows


TELLING = """
adobe-client-secret | adobe_client_secret | p8e-{z32}
age-secret-key | age_key identity | AGE-SECRET-KEY-1{q58}
airtable-pat | airtable_token airtable_api_key | pat{a14}.{h64}
alibaba-access-key-id | alibaba_access_key_id aliyun_access_key | LTAI{a20}
anthropic-admin-key | anthropic_admin_key | sk-ant-admin01-{w93}AA
anthropic-api-key | anthropic_api_key claude_key | sk-ant-api03-{w93}AA
artifactory-api-key | artifactory_api_key jfrog_key | AKCp{a69}
artifactory-reference-token | artifactory_token | cmVmd{a59}
asana-pat | asana_token asana_access_token | 2/{d16}/{d16}:{h32}
aws-access-key-id | aws_access_key_id aws_key | AKIA{t16}
buildkite-token | buildkite_api_token | bkua_{h40}
circleci-pat | circleci_token circle_token | CCIPAT_{a22}_{h40}
clickhouse-secret | clickhouse_api_secret | 4b1d{a38}
clojars-token | clojars_token | CLOJARS_{h60}
cloudflare-origin-ca | cloudflare_origin_ca_key | v1.0-{h24}-{h146}
contentful-pat | contentful_management_token | CFPAT-{w43}
crates-io-token | cargo_registry_token crates_io_token | cio{a32}
databricks-pat | databricks_token | dapi{h32}
digitalocean-oauth | digitalocean_oauth_token | doo_v1_{h64}
digitalocean-pat | digitalocean_token do_token | dop_v1_{h64}
digitalocean-refresh | do_refresh_token | dor_v1_{h64}
discord-webhook | discord_webhook_url alert_webhook | https://discord.com/api/webhooks/{d18}/{w68}
docker-hub-pat | dockerhub_token docker_password | dckr_pat_{w27}
doppler-token | doppler_token | dp.pt.{a43}
duffel-token | duffel_access_token | duffel_live_{w43}
dynatrace-token | dynatrace_token | dt0c01.{t24}.{t64}
easypost-key | easypost_api_key | EZAK{a54}
figma-pat | figma_token | figd_{w40}
flutterwave-secret | flutterwave_secret_key | FLWSECK-{h32}-X
fly-io-token | fly_api_token | fo1_{w43}
frameio-token | frameio_token | fio-u-{w64}
github-fine-grained-pat | github_token gh_pat | github_pat_11{Z20}_{a59}
gitlab-deploy-token | gitlab_deploy_token | gldt-{w20}
gitlab-feed-token | gitlab_feed_token | glft-{w20}
gitlab-oauth-secret | gitlab_app_secret | gloas-{h64}
gitlab-pat | gitlab_token ci_push_token | glpat-{w20}
gitlab-runner-token | gitlab_runner_token | glrt-{w20}
gitlab-trigger-token | gitlab_trigger_token | glptt-{h40}
gocardless-token | gocardless_access_token | live_{w40}
google-api-key | google_api_key gcp_maps_key | AIza{w35}
google-oauth-secret | google_client_secret oauth_client_secret | GOCSPX-{w28}
groq-api-key | groq_api_key | gsk_{a52}
harness-pat | harness_api_key | pat.{w22}.{h24}.{a20}
heroku-key-v2 | heroku_api_key | HRKU-AA{w58}
hubspot-private-app | hubspot_token | pat-na1-{uuid}
huggingface-token | hf_token huggingface_token | hf_{L34}
infracost-key | infracost_api_key | ico-{a32}
intra42-secret | intra42_client_secret | s-s4t2ud-{h64}
langsmith-key | langsmith_api_key langchain_api_key | lsv2_pt_{h32}_{h10}
linear-api-key | linear_api_key | lin_api_{a40}
mailchimp-key | mailchimp_api_key | {h32}-us14
mailgun-key | mailgun_api_key | key-{h32}
maxmind-license | maxmind_license_key | {a6}_{a29}_mmk
netlify-token | netlify_auth_token | nfp_{a36}
newrelic-insert-key | new_relic_insert_key | NRII-{w32}
newrelic-user-key | new_relic_api_key newrelic_key | NRAK-{Z27}
notion-token | notion_token | ntn_{d11}{a35}
nuget-key | nuget_api_key | oy2{z43}
octopus-key | octopus_api_key | API-{Z26}
openai-legacy-key | openai_api_key | sk-{a20}T3BlbkFJ{a20}
openai-project-key | openai_api_key llm_key | sk-proj-{w74}T3BlbkFJ{w74}
openrouter-key | openrouter_api_key | sk-or-v1-{h64}
openshift-token | openshift_token | sha256~{w43}
perplexity-key | perplexity_api_key pplx_key | pplx-{a48}
pinecone-key | pinecone_api_key | pcsk_{a6}_{a63}
planetscale-password | planetscale_password | pscale_pw_{w43}
planetscale-token | planetscale_token | pscale_tkn_{w43}
postman-key | postman_api_key | PMAK-{h24}-{h34}
prefect-key | prefect_api_key | pnu_{a36}
pulumi-token | pulumi_access_token | pul-{h40}
readme-key | readme_api_key | rdme_{z70}
replicate-token | replicate_api_token | r8_{a37}
rubygems-key | rubygems_api_key gem_host_api_key | rubygems_{h48}
scalingo-token | scalingo_api_token | tk-us-{w48}
sendgrid-key | sendgrid_api_key smtp_key | SG.{w22}.{w43}
sendinblue-key | sendinblue_api_key brevo_api_key | xkeysib-{h64}-{a16}
sentry-user-token | sentry_auth_token | sntryu_{h64}
shippo-token | shippo_token | shippo_live_{h40}
shopify-access-token | shopify_access_token | shpat_{h32}
shopify-shared-secret | shopify_shared_secret | shpss_{h32}
slack-app-token | slack_app_token | xapp-1-A{Z10}-{d13}-{h64}
slack-bot-token | slack_bot_token slack_token | xoxb-{d12}-{d13}-{a24}
slack-user-token | slack_user_token | xoxp-{d12}-{d12}-{d13}-{h32}
slack-webhook | slack_webhook_url notify_url | https://hooks.slack.com/services/T{Z10}/B{Z10}/{a24}
sonarqube-token | sonar_token | squ_{h40}
sourcegraph-token | sourcegraph_token | sgp_{h16}_{h40}
square-access-token | square_access_token | sq0atp-{w22}
square-oauth-secret | square_application_secret | sq0csp-{w43}
stripe-restricted-key | stripe_restricted_key | rk_live_{a24}
stripe-secret-key | stripe_secret_key stripe_api_key | sk_live_{a24}
stripe-webhook-secret | stripe_webhook_secret | whsec_{a32}
supabase-token | supabase_access_token | sbp_{h40}
tailscale-key | tailscale_auth_key | tskey-auth-k{a9}CNTRL-{a32}
teams-webhook | teams_webhook_url | https://northwind.webhook.office.com/webhookb2/{uuid}@{uuid}/IncomingWebhook/{h32}/{uuid}
telegram-bot-token | telegram_bot_token tg_token | {d10}:AA{w33}
terraform-cloud-token | tfe_token terraform_cloud_token | {a14}.atlasv1.{a67}
twilio-api-key | twilio_api_key_sid | SK{h32}
typeform-token | typeform_token | tfp_{w44}_{w14}
vault-batch-token | vault_token | hvb.{w150}
vault-service-token | vault_token | hvs.{w95}
xai-key | xai_api_key | xai-{a80}
yandex-api-key | yandex_api_key | AQVN{w36}
"""

NAMED = """
aws-secret-access-key | aws_secret_access_key aws_secret_key | {b40}
algolia-admin-key | algolia_admin_key algolia_api_key | {h32}
alibaba-secret | alibaba_secret_key alibaba_access_key_secret | {z30}
amplitude-secret | amplitude_secret_key | {h32}
azure-devops-pat | azure_devops_pat azdo_token | {z52}
bitbucket-client-secret | bitbucket_client_secret | {w32}
box-client-secret | box_client_secret | {a32}
bugsnag-key | bugsnag_api_key | {h32}
cloudflare-api-token | cloudflare_api_token cf_api_token | {w40}
cloudflare-global-key | cloudflare_api_key | {h37}
codecov-token | codecov_token | {uuid}
cohere-key | cohere_api_key | {a40}
coinbase-secret | coinbase_api_secret | {z64}
confluent-secret | confluent_api_secret kafka_confluent_secret | {b64}
consul-token | consul_http_token | {uuid}
coveralls-token | coveralls_repo_token | {a37}
datadog-api-key | datadog_api_key dd_api_key | {h32}
datadog-app-key | datadog_app_key dd_app_key | {h40}
discord-client-secret | discord_client_secret | {w32}
dropbox-app-secret | dropbox_app_secret | {z15}
elevenlabs-key | elevenlabs_api_key | {h32}
etherscan-key | etherscan_api_key | {Z34}
facebook-app-secret | facebook_app_secret fb_client_secret | {h32}
fastly-token | fastly_api_token fastly_key | {w32}
freshbooks-token | freshbooks_access_token | {h64}
session-secret | session_secret cookie_secret | {h64}
heroku-api-key | heroku_api_key | {uuid}
honeycomb-key | honeycomb_api_key honeycomb_write_key | {h32}
hmac-signing-key | webhook_signing_secret signing_key | {a44}
infura-secret | infura_project_secret | {h32}
jwt-signing-secret | jwt_secret jwt_signing_key | {a48}
kraken-secret | kraken_private_key kraken_api_secret | {b86}==
launchdarkly-token | launchdarkly_access_token launchdarkly_sdk_key | sdk-{uuid}
linkedin-secret | linkedin_client_secret | {a16}
loggly-token | loggly_customer_token | {uuid}
mattermost-token | mattermost_access_token | {z26}
messagebird-key | messagebird_access_key | {a25}
mixpanel-secret | mixpanel_api_secret | {h32}
nytimes-key | nytimes_api_key | {a32}
okta-token | okta_api_token okta_token | 00{w40}
opsgenie-key | opsgenie_api_key | {uuid}
pagerduty-token | pagerduty_api_key pagerduty_token | u+{a18}
paypal-client-secret | paypal_client_secret | E{w79}
plaid-secret | plaid_secret plaid_secret_key | {h30}
pusher-secret | pusher_app_secret | {h20}
razorpay-secret | razorpay_key_secret | {a24}
rapidapi-key | rapidapi_key x_rapidapi_key | {h10}msh{h15}p1{h5}jsn{h12}
rollbar-token | rollbar_access_token | {h32}
segment-write-key | segment_write_key | {a32}
sendbird-token | sendbird_api_token | {h40}
snyk-token | snyk_token snyk_api_key | {uuid}
splunk-hec-token | splunk_hec_token | {uuid}
spotify-secret | spotify_client_secret | {h32}
squarespace-key | squarespace_api_key | {uuid}
sumologic-key | sumologic_access_key | {a64}
travis-token | travis_api_token travis_token | {a22}
trello-token | trello_token | {h64}
twilio-auth-token | twilio_auth_token | {h32}
twitch-secret | twitch_client_secret | {z30}
twitter-api-secret | twitter_api_secret twitter_consumer_secret | {a50}
twitter-bearer | twitter_bearer_token | AAAAAAAAAAAAAAAAAAAAA{a6}AAAAAAA{a40}%3D{a35}
vultr-key | vultr_api_key | {Z36}
wandb-key | wandb_api_key | {h40}
zendesk-token | zendesk_api_token zendesk_secret_key | {a40}
generic-api-key | api_key internal_api_key partner_api_key | {a32}
generic-auth-token | auth_token access_token service_token | {a40}
generic-client-secret | client_secret oauth_client_secret | {a36}
generic-encryption-key | encryption_key master_key data_encryption_key | {b43}=
generic-hex-secret | app_secret secret_key | {h40}
"""

_WORDS_TEXT = (
    "anchor apricot badger bamboo barley beacon bishop bramble bronze canyon cedar cinder cobalt comet copper coral "
    "cricket daisy dolphin dragon ember falcon fennel forest garnet ginger glacier harbor hazel indigo island jasmine "
    "juniper kettle lantern lemon lizard magnet maple marble meadow mustard nectar nickel oyster pebble pepper pigeon "
    "quartz rabbit raven ribbon rocket saddle salmon scarlet shadow silver sparrow spider sunset tiger timber tulip "
    "turnip velvet violet walnut whisper willow winter wizard yellow zebra zephyr"
)
_WORDS = _WORDS_TEXT.split()
_LEET = str.maketrans("aeio", "4310")


def password(random: Random) -> str:
    """A password as people choose one: words bent a little, digits, a sign."""
    words = random.sample(_WORDS, 2)
    style = random.randrange(4)
    digits, sign = str(random.randrange(10, 9999)), random.choice("!?*_.-+")
    if style == 0:
        return words[0].capitalize() + words[1].translate(_LEET) + digits + sign
    if style == 1:
        return words[0].translate(_LEET).capitalize() + sign + words[1].capitalize() + digits
    if style == 2:
        return words[0].upper()[:3] + sign + words[1] + digits + random.choice("XQZKW")
    return f"{words[0].capitalize()}-{words[1]}-{random.choice(_WORDS)}-{digits}"


def _in_address(random: Random) -> str:
    """A password that an address takes without quoting."""
    while set(chosen := password(random)) & set("!?*+"):
        continue
    return chosen


def base62(number: int, width: int) -> str:
    """Digits, upper case, lower case, filled up with zeros."""
    return _based(number, _BASE62, width)


def base36(number: int, width: int) -> str:
    """Digits and lower case, filled up with zeros."""
    return _based(number, _BASE36, width)


def _based(number: int, digits: str, width: int) -> str:
    text = ""
    while number:
        number, digit = divmod(number, len(digits))
        text = digits[digit] + text
    return text.rjust(width, digits[0])


def _crc32_base62(prefix: str) -> Callable[[Random], str]:
    """Thirty characters and the CRC-32 of them: GitHub's and npm's way."""

    def make(random: Random) -> str:
        body = draw(random, "{a30}")
        return prefix + body + base62(zlib.crc32(body.encode()), 6)

    return make


def _grafana(random: Random) -> str:
    body = "glsa_" + draw(random, "{a32}")
    return f"{body}_{zlib.crc32(body.encode()):08x}"


def _grafana_cloud(random: Random) -> str:
    said = {"o": draw(random, "{d6}"), "n": "metrics-publisher", "k": draw(random, "{a24}"), "m": {"r": "us"}}
    return "glc_" + _base64(json.dumps(said, separators=(",", ":")).encode())


def _gitlab_routable(random: Random) -> str:
    """Routing lines and sixteen random bytes in base64url, its length and a CRC-32 in base 36."""
    owner = random.randrange(10_000, 9_000_000)
    payload = (
        f"o:{base36(random.randrange(1, 50_000), 1)}\nu:{base36(owner, 1)}".encode() + random.randbytes(16) + b"\x10"
    )
    encoded = base64.urlsafe_b64encode(payload).rstrip(b"=").decode()
    head = f"glpat-{encoded}.{base36(len(encoded), 2)}"
    return head + base36(zlib.crc32(head.encode()), 7)


def _atlassian(random: Random) -> str:
    body = "ATATT3xFfGF0" + draw(random, "{w171}")
    return f"{body}={zlib.crc32(body.encode()):08X}"


def _sentry_org(random: Random) -> str:
    said = {"iat": 1_700_000_000 + random.randrange(10**7), "url": "https://sentry.io"}
    said |= {"region_url": "https://us.sentry.io", "org": random.choice(_WORDS)}
    return f"sntrys_{_base64(json.dumps(said, separators=(',', ':')).encode())}_{draw(random, '{b43}')}"


def _pypi(random: Random) -> str:
    """A macaroon of version 2: location, identifier, one caveat, signature."""

    def packet(field: int, data: bytes) -> bytes:
        length = len(data)
        sizes = bytes((length,)) if length < 128 else bytes((length & 127 | 128, length >> 7))
        return bytes((field,)) + sizes + data

    project = str(uuid.UUID(int=random.getrandbits(128), version=4))
    caveat = json.dumps([[1, [project]], [2, [project]]][random.randrange(2)]).encode()
    raw = (
        b"\x02"
        + packet(1, b"pypi" + b".org")
        + packet(2, str(uuid.UUID(int=random.getrandbits(128), version=4)).encode())
    )
    raw += b"\0" + packet(2, caveat) + b"\0\0" + packet(6, random.randbytes(32))
    return "pypi-" + base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _jwt(random: Random) -> str:
    def part(value: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(value, separators=(",", ":")).encode()).rstrip(b"=").decode()

    start = 1_690_000_000 + random.randrange(10**7)
    claims = {"iss": "https://id.northwind.dev", "sub": draw(random, "usr_{z12}"), "role": "admin", "iat": start}
    head = f"{part({'alg': 'HS256', 'typ': 'JWT'})}.{part(claims | {'exp': start + 31_536_000})}"
    signature = hmac.new(random.randbytes(32), head.encode(), hashlib.sha256).digest()
    return f"{head}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def _discord_bot(random: Random) -> str:
    user = _base64(draw(random, "{d18}").encode()).rstrip("=")
    return f"{user}.{draw(random, 'G{a5}')}.{draw(random, '{w38}')}"


def _mapbox(random: Random) -> str:
    said = json.dumps({"u": random.choice(_WORDS), "a": draw(random, "ck{z23}")}, separators=(",", ":")).encode()
    return f"sk.{base64.urlsafe_b64encode(said).rstrip(b'=').decode()}.{draw(random, '{w22}')}"


def _onepassword(random: Random) -> str:
    said = {"signInAddress": "my.1password.com", "userAuth": {"method": "SRPg-4096", "iterations": 650000}}
    said |= {"email": draw(random, "{z12}@1passwordserviceaccounts.com"), "muk": draw(random, "{w43}")}
    return "ops_" + _base64(json.dumps(said | {"secretKey": draw(random, "{w60}")}, separators=(",", ":")).encode())


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _random_base64(size: int, form: str = "{}") -> Callable[[Random], str]:
    return lambda random: form.format(_base64(random.randbytes(size)))


def _azure_storage(random: Random) -> str:
    account = random.choice(_WORDS) + "data"
    key = _base64(random.randbytes(64))
    return f"DefaultEndpointsProtocol=https;AccountName={account};AccountKey={key};EndpointSuffix=core.windows.net"


def _azure_bus(random: Random) -> str:
    key = _base64(random.randbytes(32))
    name = random.choice(_WORDS)
    return f"Endpoint=sb://{name}.servicebus.windows.net/;SharedAccessKeyName=RootManage;SharedAccessKey={key}"


def _address(form: str, *, chosen: bool = True) -> Callable[[Random], str]:
    """An address with a user and a password: `{user}`, `{password}`, `{host}`."""

    def make(random: Random) -> str:
        users = ("app", "svc_orders", "reporting", "deploy", "billing")
        secret = _in_address(random) if chosen else draw(random, "{a20}")
        host = f"{random.choice(_WORDS)}.internal.northwind.dev"
        return form.format(user=random.choice(users), password=secret, host=host)

    return make


def _sql_server(random: Random) -> str:
    host = f"tcp:{random.choice(_WORDS)}.database.windows.net,1433"
    return f"Server={host};Database=orders;User ID=app;Password={_in_address(random)};Encrypt=true"


_MADE: tuple[tuple[str, str, Callable[[Random], str], bool, bool], ...] = (
    ("github-pat", "github_token gh_token token", _crc32_base62("ghp_"), True, True),
    ("github-oauth", "github_oauth_token", _crc32_base62("gho_"), True, True),
    ("github-app-token", "github_app_token", _crc32_base62("ghs_"), True, True),
    ("github-user-token", "github_user_token", _crc32_base62("ghu_"), True, True),
    ("npm-token", "npm_token", _crc32_base62("npm_"), True, True),
    ("pypi-token", "pypi_token twine_password", _pypi, True, True),
    ("gitlab-pat-routable", "gitlab_token", _gitlab_routable, True, True),
    ("grafana-service-account", "grafana_token", _grafana, True, True),
    ("grafana-cloud-token", "grafana_cloud_token", _grafana_cloud, True, True),
    ("atlassian-token", "jira_api_token atlassian_token", _atlassian, True, True),
    ("sentry-org-token", "sentry_auth_token", _sentry_org, True, True),
    ("mapbox-secret-token", "mapbox_secret_token", _mapbox, True, True),
    ("jwt", "access_token session_jwt", _jwt, True, True),
    ("discord-bot-token", "discord_token discord_bot_token", _discord_bot, True, True),
    ("onepassword-service-account", "op_service_account_token", _onepassword, True, True),
    ("azure-client-secret", "azure_client_secret arm_client_secret", lambda r: draw(r, "{a3}8Q~{w34}"), True, True),
    ("azure-storage", "azure_storage_connection_string", _azure_storage, True, True),
    ("azure-service-bus", "servicebus_connection_string", _azure_bus, True, True),
    ("laravel-app-key", "app_key", _random_base64(32, "base64:{}"), True, False),
    ("wireguard-key", "wireguard_private_key wg_private_key", _random_base64(32), True, False),
    ("django-secret-key", "django_secret_key", lambda r: draw(r, "{z24}") + "^(k=" + draw(r, "{z22}"), True, False),
    ("rails-secret-key-base", "secret_key_base", lambda r: draw(r, "{h128}"), True, False),
    ("ethereum-private-key", "deployer_private_key wallet_private_key", lambda r: draw(r, "0x{h64}"), True, False),
    ("chosen-password", "password db_password admin_password smtp_password", password, True, False),
    ("chosen-password-short", "db_pass redis_password root_password ldap_bind_password", password, True, False),
    (
        "postgres-uri",
        "database_url postgres_url",
        _address("postgresql://{user}:{password}@{host}:5432/orders"),
        True,
        True,
    ),
    ("mysql-uri", "mysql_url db_uri", _address("mysql://{user}:{password}@{host}:3306/shop"), True, True),
    ("mongodb-uri", "mongo_url mongodb_uri", _address("mongodb+srv://{user}:{password}@{host}/app"), True, True),
    ("redis-uri", "redis_url cache_url", _address("redis://:{password}@{host}:6379/0", chosen=False), True, True),
    ("amqp-uri", "broker_url amqp_url", _address("amqp://{user}:{password}@{host}:5672/jobs"), True, True),
    (
        "basic-auth-url",
        "upstream_url webhook_url feed_url",
        _address("https://{user}:{password}@{host}/v2/feed"),
        True,
        True,
    ),
    ("ftp-url", "ftp_url", _address("ftp://{user}:{password}@{host}/drop"), True, True),
    ("smtp-uri", "smtp_url", _address("smtps://{user}:{password}@{host}:465"), True, True),
    (
        "jdbc-url",
        "jdbc_url",
        _address("jdbc:postgresql://{host}:5432/app?user={user}&password={password}"),
        True,
        True,
    ),
    ("sql-server", "connection_string", _sql_server, True, True),
    (
        "git-remote-token",
        "mirror_remote",
        lambda r: "https://x-access-token:" + _crc32_base62("ghp_")(r) + "@github.com/northwind/orders.git",
        True,
        True,
    ),
    ("rsa-private-key", "private_key", keys.rsa_pkcs1, False, True),
    ("rsa-private-key-pkcs8", "private_key", keys.rsa_pkcs8, False, True),
    ("ec-private-key", "private_key", keys.ec_sec1, False, True),
    ("ed25519-private-key", "private_key", keys.ed25519_pkcs8, False, True),
    ("openssh-private-key", "private_key", keys.openssh, False, True),
    ("pgp-private-key", "private_key", keys.pgp, False, True),
)
