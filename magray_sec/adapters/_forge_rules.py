"""What the secret types of GitHub and the rules of GitLab's secret detection are called here.

Pure tables, native rule -> canonical rule. What is not in a table has no rule of ours to go with.
"""

from __future__ import annotations

from collections.abc import Mapping

from magray_sec.adapters._secret_rules import GITLEAKS
from magray_sec.model.scale import Domain


def _table(text: str) -> Mapping[str, str]:
    words = (line.split() for line in text.split("\n") if line.strip())
    return {entry[0]: f"{Domain.SECRETS.value}/{entry[-1]}" for entry in words}


# https://docs.github.com/en/code-security/reference/secret-security/supported-secret-scanning-patterns
GITHUB: Mapping[str, str] = _table(
    """
    adafruit_io_key adafruit-io-key
    airtable_personal_access_token airtable-personal-access-token
    alibaba_cloud_access_key_id alibaba-access-key-id
    alibaba_cloud_access_key_secret alibaba-access-key-secret
    amazon_aws_secret_access_key aws-secret-access-key
    anthropic_admin_api_key anthropic-api-key
    anthropic_api_key anthropic-api-key
    asana_personal_access_token asana-personal-access-token
    atlassian_api_token atlassian-api-token
    aws_access_key_id aws-access-key-id
    aws_secret_access_key aws-secret-access-key
    aws_session_token aws-session-token
    aws_temporary_access_key_id aws-access-key-id
    azure_active_directory_application_secret azure-ad-client-secret
    azure_container_registry_key_identifiable azure-container-registry-key
    azure_devops_personal_access_token azure-devops-personal-access-token
    azure_function_key azure-function-key
    azure_openai_key azure-openai-api-key
    azure_search_admin_key azure-search-key
    azure_storage_account_key azure-storage-account-key
    brevo_api_key brevo-api-key
    cloudflare_api_token cloudflare-api-token
    cohere_api_key cohere-api-key
    contentful_personal_access_token contentful-management-token
    crates_io_api_token crates-io-token
    databricks_access_token databricks-token
    datadog_api_key datadog-api-key
    defined_networking_nebula_api_key defined-networking-token
    digitalocean_oauth_token digitalocean-access-token
    digitalocean_personal_access_token digitalocean-access-token
    digitalocean_refresh_token digitalocean-access-token
    digitalocean_system_token digitalocean-access-token
    discord_bot_token discord-bot-token
    discord_api_token_v2 discord-bot-token
    docker_personal_access_token docker-hub-token
    docker_organization_access_token docker-hub-token
    docker_swarm_join_token docker-swarm-join-token
    docker_swarm_unlock_key docker-swarm-unlock-key
    doppler_personal_token doppler-token
    doppler_service_token doppler-token
    dropbox_access_token dropbox-access-token
    dropbox_short_lived_access_token dropbox-access-token
    duffel_live_access_token duffel-access-token
    dynatrace_access_token dynatrace-token
    dynatrace_api_token dynatrace-token
    easypost_production_api_key easypost-api-key
    ec_private_key private-key
    facebook_access_token facebook-access-token
    fastly_api_token fastly-api-token
    figma_pat figma-personal-access-token
    figma_scoped_personal_access_token figma-personal-access-token
    flutterwave_live_api_secret_key flutterwave-secret-key
    generic_private_key private-key
    github_app_installation_access_token github-app-token
    github_oauth_access_token github-oauth-token
    github_personal_access_token github-pat
    github_refresh_token github-refresh-token
    gitlab_access_token gitlab-pat
    google_api_key gcp-api-key
    google_cloud_private_key_id gcp-service-account-key
    google_cloud_service_account_credentials gcp-service-account-key
    google_oauth_access_token google-oauth-access-token
    google_oauth_client_secret google-oauth-client-secret
    google_oauth_refresh_token google-oauth-refresh-token
    grafana_cloud_api_key grafana-api-key
    grafana_cloud_api_token grafana-token
    grafana_project_api_key grafana-api-key
    grafana_project_service_account_token grafana-token
    groq_api_key groq-api-key
    hashicorp_vault_batch_token hashicorp-vault-token
    hashicorp_vault_root_service_token hashicorp-vault-token
    hashicorp_vault_service_token hashicorp-vault-token
    heroku_platform_api_key heroku-api-key
    heroku_postgres_connection_url database-url-password
    hf_org_api_key huggingface-token
    hf_user_access_token huggingface-token
    http_basic_authentication_header http-basic-credentials
    http_bearer_authentication_header http-bearer-token
    hubspot_api_key hubspot-access-token
    hubspot_private_apps_user_token hubspot-access-token
    intercom_access_token intercom-access-token
    jfrog_platform_access_token artifactory-token
    jfrog_platform_api_key artifactory-token
    jfrog_platform_reference_token artifactory-identity-token
    jwt jwt
    launchdarkly_access_token launchdarkly-key
    linear_api_key linear-api-key
    lob_live_api_key lob-api-key
    mailchimp_api_key mailchimp-api-key
    mailgun_api_key mailgun-api-key
    mapbox_secret_access_token mapbox-secret-token
    mongodb_connection_string database-url-password
    mysql_connection_string database-url-password
    netlify_personal_access_token netlify-access-token
    new_relic_license_key new-relic-key
    new_relic_personal_api_key new-relic-key
    new_relic_rest_api_key new-relic-key
    notion_api_token notion-integration-token
    notion_integration_token notion-integration-token
    npm_access_token npm-access-token
    nuget_api_key nuget-api-key
    okta_api_token okta-api-token
    openai_api_key openai-api-key
    openai_api_key_v2 openai-api-key
    openssh_private_key private-key
    password generic-password
    paypal_client_secret paypal-client-secret
    perplexity_api_key perplexity-api-key
    pgp_private_key pgp-private-key
    planetscale_database_password planetscale-credential
    planetscale_oauth_token planetscale-credential
    planetscale_service_token planetscale-credential
    postgres_connection_string database-url-password
    postman_api_key postman-api-key
    postman_collection_key postman-collection-key
    pulumi_access_token pulumi-access-token
    pypi_api_token pypi-api-token
    readmeio_api_access_token readme-api-key
    replicate_api_token replicate-api-token
    rsa_private_key private-key
    rubygems_api_key rubygems-api-key
    samsara_api_token samsara-api-token
    segment_public_api_token segment-public-api-token
    sendgrid_api_key sendgrid-api-key
    sendinblue_api_key brevo-api-key
    sentry_integration_token sentry-token
    sentry_organization_token sentry-token
    sentry_user_app_auth_token sentry-token
    shippo_live_api_token shippo-api-token
    shopify_access_token shopify-token
    shopify_app_shared_secret shopify-token
    shopify_custom_app_access_token shopify-token
    shopify_private_app_password shopify-token
    slack_api_token slack-bot-token
    slack_incoming_webhook_url slack-webhook-url
    slack_workflow_webhook_url slack-webhook-url
    sonarqube_cloud_token sonarcloud-token
    sourcegraph_access_token sourcegraph-access-token
    square_access_token square-access-token
    square_production_application_secret square-access-token
    stripe_api_key stripe-live-secret-key
    stripe_live_restricted_key stripe-live-secret-key
    stripe_live_secret_key stripe-live-secret-key
    stripe_test_restricted_key stripe-test-secret-key
    stripe_test_secret_key stripe-test-secret-key
    stripe_webhook_signing_secret stripe-webhook-secret
    supabase_service_key supabase-key
    tailscale_api_key tailscale-key
    telegram_bot_token telegram-bot-token
    tencent_cloud_secret_id tencent-secret-id
    terraform_api_token terraform-cloud-token
    twilio_access_token twilio-api-key
    twilio_api_key twilio-api-key
    typeform_personal_access_token typeform-access-token
    vercel_api_key vercel-access-token
    xai_api_key xai-api-key
    yandex_cloud_api_key yandex-cloud-api-key
    yandex_passport_oauth_token yandex-oauth-token
    zuplo_consumer_api_key zuplo-api-key
    """
)

# Its rules are those of gitleaks, some under names of its own.
_GITLAB_ALONE: Mapping[str, str] = _table(
    """
    AWS aws-access-key-id
    CloudflareAPIToken cloudflare-api-token
    PKCS8 private-key
    SSH private-key
    PGP pgp-private-key
    anthropic_key anthropic-api-key
    gitlab_deploy_token gitlab-deploy-token
    gitlab_feed_token_v2 gitlab-feed-token
    gitlab_incoming_email_token gitlab-feed-token
    gitlab_kubernetes_agent_token gitlab-agent-token
    gitlab_oauth_app_secret gitlab-oauth-application-secret
    gitlab_personal_access_token gitlab-pat
    gitlab_personal_access_token_routable gitlab-pat-routable
    gitlab_pipeline_trigger_token gitlab-pipeline-trigger-token
    gitlab_runner_auth_token gitlab-runner-token
    gitlab_runner_registration_token gitlab-runner-token
    gitlab_scim_oauth_token gitlab-feed-token
    Google gcp-api-key
    GCP gcp-service-account-key
    Github github-pat
    github-oauth github-oauth-token
    open_ai_token openai-api-key
    pypi-upload-token pypi-api-token
    rubygems-api-token rubygems-api-key
    sendgrid-api-token sendgrid-api-key
    Slack slack-bot-token
    slack-bot-token slack-bot-token
    slack-webhook-url slack-webhook-url
    Stripe stripe-live-secret-key
    stripe_live_secret_key stripe-live-secret-key
    stripe_test_secret_key stripe-test-secret-key
    """
)
_PRIVATE_KEYS = ("RSA private key", "SSH (DSA) private key", "SSH (EC) private key", "PKCS8 private key")
GITLAB: Mapping[str, str] = {
    **{name.replace("-", "_"): canonical for name, canonical in GITLEAKS.items()},
    **GITLEAKS,
    **_GITLAB_ALONE,
    **dict.fromkeys(_PRIVATE_KEYS, f"{Domain.SECRETS.value}/private-key"),
    "PGP private key": f"{Domain.SECRETS.value}/pgp-private-key",
    "Password in URL": f"{Domain.SECRETS.value}/url-credentials",
}
