"""What the rules of the programs that look for secrets are called here.

Pure tables, `native rule -> canonical rule`; a rule that stands alone on its line has the same name here. Where a
program has one rule for several kinds of credential of one provider, the kind that is found most often is named. What
is not in a table has no rule of ours to go with: it is named after its program.
"""

from __future__ import annotations

from collections.abc import Mapping

from magray_sec.model.scale import Domain


def _table(text: str) -> Mapping[str, str]:
    words = (line.split() for line in text.split("\n") if line.strip())
    return {entry[0]: f"{Domain.SECRETS.value}/{entry[-1]}" for entry in words}


GITLEAKS: Mapping[str, str] = _table(
    """
    1password-secret-key onepassword-secret-key
    1password-service-account-token onepassword-service-account-token
    adafruit-api-key adafruit-io-key
    adobe-client-secret
    age-secret-key
    airtable-api-key airtable-personal-access-token
    airtable-personnal-access-token airtable-personal-access-token
    algolia-api-key algolia-admin-api-key
    alibaba-access-key-id
    alibaba-secret-key alibaba-access-key-secret
    anthropic-admin-api-key anthropic-api-key
    anthropic-api-key
    artifactory-api-key artifactory-token
    artifactory-reference-token artifactory-identity-token
    atlassian-api-token
    aws-access-token aws-access-key-id
    aws-amazon-bedrock-api-key-long-lived aws-bedrock-api-key
    aws-amazon-bedrock-api-key-short-lived aws-bedrock-api-key
    azure-ad-client-secret
    bittrex-secret-key bittrex-api-secret
    cisco-meraki-api-key meraki-api-key
    clickhouse-cloud-api-secret-key clickhouse-cloud-api-secret
    clojars-api-token clojars-deploy-token
    cloudflare-api-key cloudflare-api-token
    cloudflare-global-api-key
    cloudflare-origin-ca-key
    codecov-access-token codecov-token
    cohere-api-token cohere-api-key
    coinbase-access-token coinbase-api-secret
    confluent-access-token confluent-secret
    confluent-secret-key confluent-secret
    contentful-delivery-api-token contentful-delivery-token
    curl-auth-header http-bearer-token
    curl-auth-user command-line-credential
    databricks-api-token databricks-token
    datadog-access-token datadog-api-key
    defined-networking-api-token defined-networking-token
    digitalocean-access-token
    digitalocean-pat digitalocean-access-token
    digitalocean-refresh-token digitalocean-access-token
    discord-api-token discord-bot-token
    doppler-api-token doppler-token
    droneci-access-token drone-ci-token
    dropbox-api-token dropbox-app-secret
    dropbox-long-lived-api-token dropbox-access-token
    dropbox-short-lived-api-token dropbox-access-token
    duffel-api-token duffel-access-token
    dynatrace-api-token dynatrace-token
    easypost-api-token easypost-api-key
    easypost-test-api-token easypost-api-key
    facebook-access-token
    facebook-page-access-token facebook-access-token
    facebook-secret facebook-app-secret
    fastly-api-token
    finnhub-access-token finnhub-api-key
    flickr-access-token flickr-api-secret
    flutterwave-encryption-key flutterwave-secret-key
    flutterwave-secret-key
    flyio-access-token fly-access-token
    frameio-api-token frame-io-token
    freshbooks-access-token
    gcp-api-key
    generic-api-key
    github-app-token
    github-fine-grained-pat
    github-oauth github-oauth-token
    github-pat
    github-refresh-token
    gitlab-cicd-job-token gitlab-ci-job-token
    gitlab-deploy-token
    gitlab-feature-flag-client-token gitlab-feed-token
    gitlab-feed-token
    gitlab-incoming-mail-token gitlab-feed-token
    gitlab-kubernetes-agent-token gitlab-agent-token
    gitlab-oauth-app-secret gitlab-oauth-application-secret
    gitlab-pat
    gitlab-pat-routable
    gitlab-ptt gitlab-pipeline-trigger-token
    gitlab-rrt gitlab-runner-token
    gitlab-runner-authentication-token gitlab-runner-token
    gitlab-runner-authentication-token-routable gitlab-runner-token
    gitlab-scim-token gitlab-feed-token
    gocardless-api-token gocardless-access-token
    grafana-api-key
    grafana-cloud-api-token grafana-token
    grafana-service-account-token grafana-token
    harness-api-key
    hashicorp-tf-api-token terraform-cloud-token
    heroku-api-key heroku-legacy-api-key
    heroku-api-key-v2 heroku-api-key
    hubspot-api-key hubspot-access-token
    huggingface-access-token huggingface-token
    huggingface-organization-api-token huggingface-token
    infracost-api-token infracost-api-key
    intercom-api-key intercom-access-token
    intra42-client-secret
    jfrog-api-key artifactory-token
    jfrog-identity-token artifactory-identity-token
    jwt
    jwt-base64 base64-jwt
    kraken-access-token kraken-private-key
    kubernetes-secret-yaml kubernetes-secret
    kucoin-access-token kucoin-api-secret
    kucoin-secret-key kucoin-api-secret
    launchdarkly-access-token launchdarkly-key
    linear-api-key
    linkedin-client-secret
    lob-api-key
    mailchimp-api-key
    mailgun-private-api-token mailgun-api-key
    mailgun-signing-key mailgun-api-key
    mapbox-api-token mapbox-secret-token
    mattermost-access-token
    maxmind-license-key
    messagebird-api-token messagebird-access-key
    microsoft-teams-webhook microsoft-teams-webhook-url
    netlify-access-token
    new-relic-browser-api-token new-relic-key
    new-relic-insert-key new-relic-key
    new-relic-user-api-key new-relic-key
    notion-api-token notion-integration-token
    npm-access-token
    octopus-deploy-api-key
    okta-access-token okta-api-token
    openai-api-key
    openshift-user-token openshift-token
    perplexity-api-key
    plaid-api-token plaid-access-token
    plaid-secret-key plaid-secret
    planetscale-api-token planetscale-credential
    planetscale-oauth-token planetscale-credential
    planetscale-password planetscale-credential
    postman-api-token postman-api-key
    prefect-api-token prefect-api-key
    private-key
    pulumi-api-token pulumi-access-token
    pypi-upload-token pypi-api-token
    rapidapi-access-token rapidapi-key
    readme-api-token readme-api-key
    rubygems-api-token rubygems-api-key
    scalingo-api-token
    sendbird-access-token sendbird-api-token
    sendgrid-api-token sendgrid-api-key
    sendinblue-api-token brevo-api-key
    sentry-access-token sentry-token
    sentry-org-token sentry-token
    sentry-user-token sentry-token
    settlemint-application-access-token settlemint-access-token
    settlemint-personal-access-token settlemint-access-token
    settlemint-service-access-token settlemint-access-token
    shippo-api-token
    shopify-access-token shopify-token
    shopify-custom-access-token shopify-token
    shopify-private-app-access-token shopify-token
    shopify-shared-secret shopify-token
    sidekiq-secret sidekiq-enterprise-credential
    sidekiq-sensitive-url sidekiq-enterprise-credential
    slack-app-token
    slack-bot-token
    slack-config-access-token slack-legacy-token
    slack-config-refresh-token slack-legacy-token
    slack-legacy-bot-token slack-bot-token
    slack-legacy-token
    slack-legacy-workspace-token slack-legacy-token
    slack-user-token
    slack-webhook-url
    snyk-api-token snyk-token
    sonar-api-token sonar-token
    sourcegraph-access-token
    square-access-token
    stripe-access-token stripe-live-secret-key
    sumologic-access-token sumo-logic-access-key
    telegram-bot-api-token telegram-bot-token
    travisci-access-token travis-ci-token
    twilio-api-key
    twitch-api-token twitch-client-secret
    twitter-access-secret twitter-access-token
    twitter-access-token
    twitter-api-secret
    twitter-bearer-token
    typeform-api-token typeform-access-token
    vault-batch-token hashicorp-vault-token
    vault-service-token hashicorp-vault-token
    yandex-access-token yandex-oauth-token
    yandex-api-key yandex-cloud-api-key
    zendesk-secret-key zendesk-api-token
    """
)
"""Of gitleaks, and of kingfisher, which has most of them too."""

_BETTERLEAKS: Mapping[str, str] = _table(
    """
    abuseipdb-api-key
    airtable-oauth-token airtable-personal-access-token
    aiven-auth-token
    alibaba-sts-access-key-id
    alibaba-sts-access-key-secret alibaba-access-key-secret
    amplitude-secret-key
    apify-api-token
    apollo-api-key
    asaas-api-token asaas-api-key
    assemblyai-api-key
    auth0-client-secret
    aws-secret-access-key
    aws-session-token
    azure-app-configuration-connection-string azure-app-configuration-secret
    azure-servicebus-connection-string azure-shared-access-key
    azure-storage-account-key
    bitbucket-data-center-token
    bitly-access-token
    bitrise-access-token
    brave-search-api-key
    browserstack-access-key
    buildkite-service-token buildkite-api-token
    buildkite-user-access-token buildkite-api-token
    canadian-digital-service-notify-api-key gc-notify-api-key
    canva-client-secret
    cerebras-api-key
    checkout-secret-key checkout-com-secret-key
    circleci-personal-token circleci-token
    circleci-project-token circleci-token
    civo-api-key
    clerk-secret-key
    clickup-personal-api-token clickup-api-token
    cloudinary-api-secret
    cloudsmith-api-key
    cockroachlabs-cloud-api-key cockroachdb-cloud-api-key
    configcat-sdk-key
    configcat-sdk-key-extended configcat-sdk-key
    coveralls-personal-api-token coveralls-repo-token
    crates-io-api-key crates-io-token
    datadog-api-key
    datadog-application-key datadog-api-key
    datastax-astra-application-token astra-db-token
    deepgram-api-key
    deepseek-api-key
    deno-account-token deno-token
    devcycle-server-sdk-key devcycle-server-key
    devin-personal-api-key devin-api-key
    devin-service-api-key devin-api-key
    devin-service-user-token devin-api-key
    docker-swarm-join-token
    docker-swarm-unlock-key
    dockerhub-organization-access-token docker-hub-token
    dockerhub-personal-access-token docker-hub-token
    ebay-client-secret
    elastic-cloud-api-key
    elevenlabs-api-key
    endorlabs-api-key endor-labs-api-key
    endorlabs-api-secret endor-labs-api-key
    exoscale-api-secret
    fal-api-key
    figma-personal-access-header-token figma-personal-access-token
    figma-personal-access-token
    fullstory-api-key
    gcp-application-default-credentials google-oauth-refresh-token
    gcp-gemini-api gemini-api-key
    gcp-service-account gcp-service-account-key
    generic-credential-uri url-credentials
    gitea-access-token
    gitlab-incoming-mail-address-token gitlab-feed-token
    gitlab-pat-routable-versioned gitlab-pat-routable
    groq-api-key
    honeycomb-api-key
    hunter-api-key
    ibm-cloud-user-api-key ibm-cloud-api-key
    influxdb-api-token influxdb-token
    jumpcloud-api-key
    klaviyo-api-key klaviyo-private-key
    langchain-langsmith-personal-access-token langsmith-api-key
    langchain-langsmith-service-key langsmith-api-key
    langfuse-secret-key
    lark-app-secret
    llama-cloud-api-key llamacloud-api-key
    mailersend-api-token
    mem0-api-key
    mercury-production-api-token mercury-api-token
    mergify-application-key
    midtrans-production-server-client-key midtrans-server-key
    miro-access-token
    mistral-api-key
    monday-api-token
    mongodb-atlas-service-account-secret
    mongodb-connection-string database-url-password
    neon-api-key
    ngrok-api-key ngrok-auth-token
    nvidia-api-key
    onesignal-rich-authentication-token onesignal-api-key
    onfido-live-api-token-ca onfido-api-token
    onfido-live-api-token-eu onfido-api-token
    onfido-live-api-token-us onfido-api-token
    openrouter-api-key
    openweather-api-key
    opsgenie-api-key
    ovh-application-secret
    paddle-live-api-key paddle-api-key
    pagerduty-authorization-token pagerduty-api-key
    paypal-client-secret
    persona-production-api-key persona-api-key
    pinecone-api-key
    pinterest-access-token
    plivo-auth-token
    polar-oauth-access-token polar-access-token
    polar-organization-access-token polar-access-token
    polar-personal-access-token polar-access-token
    posthog-personal-api-key
    postmark-api-token postmark-server-token
    ramp-client-secret
    razorpay-key-secret
    render-api-key
    replicate-api-token
    resend-api-key
    rootly-api-key
    runpod-api-key
    salesforce-access-token
    samsara-api-token
    scaleway-secret-key
    segment-public-api-token
    slack-session-token slack-legacy-token
    snowflake-programmatic-access-token snowflake-credentials
    stability-ai-api-key stability-api-key
    supabase-management-token supabase-key
    supabase-project-api-key supabase-key
    tableau-personal-access-token
    tailscale-api-key tailscale-key
    telnyx-api-v2-key telnyx-api-key
    togetherai-api-key together-api-key
    unkey-root-key
    upcloud-api-token
    upstage-api-key
    upstash-redis-rest-token upstash-rest-token
    val-town-api-token val-town-token
    vercel-api-token vercel-access-token
    vercel-app-access-token vercel-access-token
    vercel-app-refresh-token vercel-access-token
    vercel-integration-token vercel-access-token
    vercel-personal-access-token vercel-access-token
    virustotal-api-key
    voyageai-api-key voyage-api-key
    vultr-api-key
    wakatime-api-key
    weights-and-biases-api-key wandb-api-key
    weights-and-biases-api-key-v1 wandb-api-key
    wiz-client-secret
    workos-production-api-key workos-api-key
    xai-api-key
    xendit-production-api-key xendit-secret-key
    zoho-client-secret
    zoho-oauth-token
    zuplo-consumer-api-key zuplo-api-key
    """
)
"""Those that kingfisher alone has."""

_VELES: Mapping[str, str] = _table(
    """
    veles.secrets/bitbucketcredentials url-credentials
    veles.secrets/bitwardenoauth2access bitwarden-access-token
    veles.secrets/circleciproject circleci-token
    veles.secrets/cloudflareapitoken cloudflare-api-token
    veles.secrets/codecatalystcredentials url-credentials
    veles.secrets/codecommitcredentials url-credentials
    veles.secrets/denopatorg deno-organization-token
    veles.secrets/digitaloceanapikey digitalocean-access-token
    veles.secrets/grokxaiapikey xai-api-key
    veles.secrets/hcpclientcredentials hcp-client-secret
    veles.secrets/herokuplatformkey heroku-api-key
    veles.secrets/npmjsaccesstoken npm-access-token
    veles.secrets/openrouter openrouter-api-key
    veles.secrets/packagistorgreadtoken packagist-api-token
    veles.secrets/packagistorgupdatetoken packagist-api-token
    veles.secrets/packagistsecret packagist-api-token
    veles.secrets/postmanapikey postman-api-key
    veles.secrets/postmancollectiontoken postman-collection-key
    veles.secrets/sendgrid sendgrid-api-key
    veles.secrets/slackappconfigaccesstoken slack-legacy-token
    veles.secrets/slackappconfigrefreshtoken slack-legacy-token
    veles.secrets/slackappleveltoken slack-app-token
    """
)
"""Kingfisher's second set of rules."""

TRUFFLEHOG: Mapping[str, str] = _table(
    """
    AWS aws-access-key-id
    AWSSessionKey aws-session-token
    AbuseIPDB abuseipdb-api-key
    AdafruitIO adafruit-io-key
    AdobeIO adobe-client-secret
    AirtableApiKey airtable-personal-access-token
    AirtableOAuth airtable-personal-access-token
    AirtablePersonalAccessToken airtable-personal-access-token
    Aiven aiven-auth-token
    Alchemy alchemy-api-key
    AlgoliaAdminKey algolia-admin-api-key
    Alibaba alibaba-access-key-secret
    AlienVault alienvault-otx-key
    Alphavantage alpha-vantage-api-key
    AmazonMWS aws-mws-auth-token
    AmplitudeApiKey amplitude-secret-key
    Anthropic anthropic-api-key
    Apify apify-api-token
    Apollo apollo-api-key
    AppOptics appoptics-token
    ArtifactoryAccessToken artifactory-token
    ArtifactoryReferenceToken artifactory-identity-token
    AsanaOauth asana-personal-access-token
    AsanaPersonalAccessToken asana-personal-access-token
    AssemblyAI assemblyai-api-key
    Atlassian atlassian-api-token
    Auth0ManagementApiToken jwt
    Auth0oauth auth0-client-secret
    Azure azure-ad-client-secret
    AzureActiveDirectoryApplicationSecret azure-ad-client-secret
    AzureAppConfigConnectionString azure-app-configuration-secret
    AzureContainerRegistry azure-container-registry-key
    AzureDevopsPersonalAccessToken azure-devops-personal-access-token
    AzureFunctionKey azure-function-key
    AzureOpenAI azure-openai-api-key
    AzureSasToken azure-sas-token
    AzureSearchAdminKey azure-search-key
    AzureSearchQueryKey azure-search-key
    AzureStorage azure-storage-account-key
    Bannerbear bannerbear-api-key
    BetterStack better-stack-token
    BitLyAccessToken bitly-access-token
    BitbucketAppPassword bitbucket-app-password
    BitbucketDataCenter bitbucket-data-center-token
    Bitfinex bitfinex-api-secret
    Bitmex bitmex-api-secret
    BlockNative blocknative-api-key
    Box box-client-secret
    BoxOauth box-client-secret
    BraintreePayments braintree-access-token
    BrowserStack browserstack-access-key
    Bugsnag bugsnag-auth-token
    Buildkite buildkite-api-token
    CalendlyApiKey calendly-access-token
    Censys censys-api-secret
    ChecklyHQ checkly-api-key
    Checkout checkout-com-secret-key
    Circle circleci-token
    CircleCI circleci-token
    Clarifai clarifai-api-key
    Clearbit clearbit-api-key
    ClickupPersonalToken clickup-api-token
    CloudflareApiToken cloudflare-api-token
    CloudflareCaKey cloudflare-origin-ca-key
    CloudflareGlobalApiKey cloudflare-global-api-key
    Cloudinary cloudinary-url
    Cloudsmith cloudsmith-api-key
    Coda coda-api-token
    Codacy codacy-token
    CoinApi coinapi-key
    CoinMarketCap coinmarketcap-api-key
    Coinbase coinbase-api-secret
    CoinbaseWaaS coinbase-api-secret
    Confluent confluent-secret
    ContentfulDelivery contentful-delivery-token
    ContentfulPersonalAccessToken contentful-management-token
    Convertkit convertkit-api-secret
    Courier courier-api-key
    Coveralls coveralls-repo-token
    Crowdin crowdin-access-token
    CryptoCompare cryptocompare-api-key
    CustomerIO customer-io-api-key
    DatabricksToken databricks-token
    DatadogApikey datadog-api-key
    DatadogToken datadog-api-key
    DeepSeek deepseek-api-key
    Deepgram deepgram-api-key
    DenoDeploy deno-token
    DigitalOceanToken digitalocean-access-token
    DigitalOceanV2 digitalocean-access-token
    DiscordBotToken discord-bot-token
    DiscordWebhook discord-webhook-url
    Docker docker-registry-auth
    Dockerhub docker-hub-token
    Docusign docusign-secret
    Doppler doppler-token
    DroneCI drone-ci-token
    Dropbox dropbox-access-token
    DuffelToken duffel-access-token
    Duo duo-secret-key
    Dwolla dwolla-secret
    Dynatrace dynatrace-token
    ElasticEmail elastic-email-api-key
    ElevenLabs elevenlabs-api-key
    EndorLabs endor-labs-api-key
    Etherscan etherscan-api-key
    Eventbrite eventbrite-private-token
    FTP url-credentials
    FacebookOAuth facebook-app-secret
    FastlyPersonalToken fastly-api-token
    FigmaPersonalAccessToken figma-personal-access-token
    Filestack filestack-api-key
    Finnhub finnhub-api-key
    FirebaseCloudMessaging firebase-server-key
    Fleetbase fleetbase-api-key
    Flexport flexport-api-token
    Flickr flickr-api-secret
    Flutterwave flutterwave-secret-key
    FlyIO fly-access-token
    FrameIO frame-io-token
    Freshbooks freshbooks-access-token
    Freshdesk freshdesk-api-key
    Fullstory fullstory-api-key
    GCP gcp-service-account-key
    GCPApplicationDefaultCredentials google-oauth-refresh-token
    Gemini gemini-exchange-api-key
    Getresponse getresponse-api-key
    GitHubApp github-app-token
    GitHubOauth2 github-oauth-token
    GitHubOld github-token-without-checksum
    GitLabOauth2 gitlab-oauth-application-secret
    Github github-pat
    Gitlab gitlab-pat
    GoCardless gocardless-access-token
    GoDaddy godaddy-api-secret
    GoogleApiKey gcp-api-key
    GoogleGeminiAPIKey gemini-api-key
    GoogleOauth2 google-oauth-access-token
    Grafana grafana-token
    GrafanaServiceAccount grafana-token
    Groq groq-api-key
    Harness harness-api-key
    HashiCorpVaultAuth hashicorp-vault-token
    HashiCorpVaultBatchToken hashicorp-vault-token
    HashiCorpVaultToken hashicorp-vault-token
    Hasura hasura-admin-secret
    Helpscout help-scout-app-secret
    HereAPI here-api-key
    Heroku heroku-api-key
    Honeycomb honeycomb-api-key
    HubSpotApiKey hubspot-access-token
    HubSpotOauth hubspot-access-token
    HuggingFace huggingface-token
    Hunter hunter-api-key
    IPInfo ipinfo-token
    IbmCloudUserKey ibm-cloud-api-key
    Imagekit imagekit-private-key
    Imgur imgur-client-secret
    Infobip infobip-api-key
    Infura infura-api-key
    Intercom intercom-access-token
    Intra42 intra42-client-secret
    IpStack ipstack-api-key
    JDBC connection-string-password
    JWT jwt
    JiraToken atlassian-api-token
    Jotform jotform-api-key
    Jumpcloud jumpcloud-api-key
    Klaviyo klaviyo-private-key
    Kraken kraken-private-key
    KuCoin kucoin-api-secret
    LDAP url-credentials
    LangSmith langsmith-api-key
    Langfuse langfuse-secret-key
    LarkSuite lark-app-secret
    LarkSuiteApiKey lark-app-secret
    LaunchDarkly launchdarkly-key
    LineMessaging line-channel-access-token
    LinearAPI linear-api-key
    LinkedIn linkedin-client-secret
    Linode linode-access-token
    Lob lob-api-key
    LocationIQ locationiq-access-token
    Loggly loggly-token
    LogzIO logz-io-token
    LokaliseToken lokalise-api-token
    MailJetBasicAuth mailjet-api-key
    Mailchimp mailchimp-api-key
    Mailerlite mailerlite-api-key
    Mailgun mailgun-api-key
    Mandrill mandrill-api-key
    MapBox mapbox-secret-token
    MattermostPersonalToken mattermost-access-token
    MaxMindLicense maxmind-license-key
    Meraki meraki-api-key
    MessageBird messagebird-access-key
    Metabase metabase-api-key
    MicrosoftTeamsWebhook microsoft-teams-webhook-url
    Miro miro-access-token
    Mixpanel mixpanel-api-secret
    MollieAPIKey mollie-api-key
    MollieAccessToken mollie-api-key
    Monday monday-api-token
    MongoDB database-url-password
    Moralis moralis-api-key
    NGC nvidia-api-key
    NVAPI nvidia-api-key
    Netlify netlify-access-token
    NewRelicBrowserKey new-relic-key
    NewRelicInsightsInsertKey new-relic-key
    NewRelicInsightsQueryKey new-relic-key
    NewRelicLicenseKey new-relic-key
    NewRelicMobileAppToken new-relic-key
    NewRelicPersonalApiKey new-relic-key
    NewRelicUserKey new-relic-key
    NexmoApiKey vonage-api-secret
    Ngrok ngrok-auth-token
    Nightfall nightfall-api-key
    Notion notion-integration-token
    NpmToken npm-access-token
    NuGetApiKey nuget-api-key
    OctopusDeploy octopus-deploy-api-key
    Okta okta-api-token
    OneLogin onelogin-client-secret
    Onesignal onesignal-api-key
    OpenAI openai-api-key
    OpenAIAdmin openai-api-key
    OpenCageData opencage-api-key
    OpenRouter openrouter-api-key
    OpenWeather openweather-api-key
    Opsgenie opsgenie-api-key
    Optimizely optimizely-access-token
    PackageCloud packagecloud-token
    Paddle paddle-api-key
    Pagarme pagarme-api-key
    PagerDutyApiKey pagerduty-api-key
    Pandadoc pandadoc-api-key
    Paymongo paymongo-secret-key
    PaypalOauth paypal-client-secret
    Paystack paystack-secret-key
    Percy percy-token
    Photoroom photoroom-api-key
    PhraseAccessToken phrase-access-token
    Pinata pinata-api-secret
    Pinecone pinecone-api-key
    Pipedrive pipedrive-api-token
    PlaidKey plaid-secret
    PlaidToken plaid-access-token
    PlanetScale planetscale-credential
    PlanetScaleDb planetscale-credential
    Plivo plivo-auth-token
    Polygon polygon-io-api-key
    Portainer portainer-access-token
    PortainerToken portainer-access-token
    Postgres database-url-password
    PosthogApp posthog-personal-api-key
    Postman postman-api-key
    Postmark postmark-server-token
    Prefect prefect-api-key
    PrivateKey private-key
    Pulumi pulumi-access-token
    PushBulletApiKey pushbullet-access-token
    PusherChannelKey pusher-app-secret
    PyPI pypi-api-token
    RabbitMQ database-url-password
    RailwayApp railway-token
    Ramp ramp-client-secret
    RapidApi rapidapi-key
    RazorPay razorpay-key-secret
    ReCAPTCHA recaptcha-secret-key
    ReadMe readme-api-key
    RechargePayments recharge-api-key
    Redis database-url-password
    Replicate replicate-api-token
    Riotgames riot-games-api-key
    RobinhoodCrypto robinhood-crypto-api-key
    Rootly rootly-api-key
    RubyGems rubygems-api-key
    SQLServer connection-string-password
    SaladCloudApiKey salad-cloud-api-key
    Salesforce salesforce-access-token
    SalesforceOauth2 salesforce-consumer-secret
    SalesforceRefreshToken salesforce-refresh-token
    Samsara samsara-api-token
    Sanity sanity-token
    SauceLabs sauce-labs-access-key
    ScalewayKey scaleway-secret-key
    SecurityTrails securitytrails-api-key
    SegmentApiKey segment-public-api-token
    Semaphore semaphore-api-token
    SendGrid sendgrid-api-key
    Sendbird sendbird-api-token
    SendinBlueV2 brevo-api-key
    SentryOrgToken sentry-token
    SentryToken sentry-token
    Shippo shippo-api-token
    ShodanKey shodan-api-key
    Shopify shopify-token
    ShopifyOAuth shopify-token
    Shortcut shortcut-api-token
    Slack slack-bot-token
    SlackWebhook slack-webhook-url
    Snowflake snowflake-credentials
    SnykKey snyk-token
    SonarCloud sonarcloud-token
    Sourcegraph sourcegraph-access-token
    SourcegraphCody sourcegraph-cody-token
    Sparkpost sparkpost-api-key
    SplunkOberservabilityToken signalfx-access-token
    SpotifyKey spotify-client-secret
    Square square-access-token
    SquareApp square-access-token
    Squareup square-access-token
    Statuspage statuspage-api-key
    StoryblokAccessToken storyblok-token
    StoryblokPersonalAccessToken storyblok-token
    Strava strava-client-secret
    Stripe stripe-live-secret-key
    Stytch stytch-secret
    SumoLogicKey sumo-logic-access-key
    SupabaseToken supabase-key
    TableauPersonalAccessToken tableau-personal-access-token
    Tailscale tailscale-key
    TelegramBotToken telegram-bot-token
    Telnyx telnyx-api-key
    TencentCloudKey tencent-secret-key
    TerraformCloudPersonalToken terraform-cloud-token
    Tiingo tiingo-api-token
    Todoist todoist-api-token
    Tomtom tomtom-api-key
    Transferwise wise-api-token
    TravisCI travis-ci-token
    TrelloApiKey trello-api-token
    TrufflehogEnterprise trufflehog-enterprise-secret
    Twilio twilio-auth-token
    TwilioApiKey twilio-api-key
    Twitch twitch-client-secret
    TwitchAccessToken twitch-client-secret
    Twitter twitter-bearer-token
    TwitterApiSecret twitter-api-secret
    TwitterConsumerkey twitter-api-secret
    Typeform typeform-access-token
    URI url-credentials
    Ubidots ubidots-token
    Unsplash unsplash-access-key
    UploadCare uploadcare-secret-key
    UptimeRobot uptimerobot-api-key
    Urlscan urlscan-api-key
    Vercel vercel-access-token
    VirusTotal virustotal-api-key
    Voiceflow voiceflow-api-key
    Vonage vonage-api-secret
    VultrApiKey vultr-api-key
    Wakatime wakatime-api-key
    Webex webex-access-token
    WebexBot webex-access-token
    Webflow webflow-api-token
    WeightsAndBiases wandb-api-key
    Wiz wiz-client-secret
    XAI xai-api-key
    Yandex yandex-cloud-api-key
    ZapierWebhook zapier-webhook-url
    ZendeskApi zendesk-api-token
    ZeroTier zerotier-api-token
    ZohoCRM zoho-oauth-token
    ZulipChat zulip-api-key
    """
)
"""The detectors of trufflehog."""


_PLAIN = {f"betterleaks.{name}": canonical for name, canonical in {**GITLEAKS, **_BETTERLEAKS}.items()}
KINGFISHER: Mapping[str, str] = {
    **_VELES,
    **_PLAIN,
    **{f"{name}.{number}": canonical for name, canonical in _PLAIN.items() for number in (1, 2)},
}
"""Of kingfisher: several patterns of one rule are numbered."""
