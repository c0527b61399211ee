"""Apache with TLS before an application, as servers have it that edgeproxy takes the place of."""

import pathlib

MODULES = "/usr/lib/apache2/modules"


def apache_configuration(chain, key, application):
    """What has the ports before edgeproxy gets them: TLS, and an application over the uwsgi protocol."""
    modules = ["mpm_event", "authz_core", "unixd", "ssl", "socache_shmcb", "proxy", "proxy_uwsgi"]
    built_in = {"unixd"} if not pathlib.Path(MODULES, "mod_unixd.so").exists() else set()
    loads = "\n".join(f"LoadModule {name}_module {MODULES}/mod_{name}.so" for name in modules if name not in built_in)
    return f"""
{loads}
ServerName localhost
PidFile /run/apache.pid
ErrorLog /dev/stderr
User www-data
Group www-data
Listen 80
Listen 443
<VirtualHost *:443>
SSLEngine on
SSLCertificateFile {chain}
SSLCertificateKeyFile {key}
ProxyPass / {application}
</VirtualHost>
"""
