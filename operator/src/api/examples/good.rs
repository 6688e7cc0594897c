//! Specs that are accepted: between them they use every field.

use super::Good;

pub const GOOD: &[Good] = &[
    Good { what: "nothing at all", spec: "{}" },
    Good {
        what: "every store managed with its defaults",
        spec: "{postgres: {managed: {}}, redis: {managed: {}}, rabbitmq: {managed: {}}}",
    },
    Good {
        what: "stores of one's own sizes",
        spec: r#"postgres:
  managed:
    image: docker.io/pgvector/pgvector:pg17@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
    storage: 100Gi
    storageClass: fast.example.com
    resources: {requests: {cpu: "2", memory: 4Gi}, limits: {cpu: "4", memory: 8Gi}}
    securityContext: {runAsUser: 26, runAsGroup: 26, fsGroup: 26}
redis: {managed: {storage: 5Gi, resources: {limits: {memory: 1Gi}}}}"#,
    },
    Good { what: "backups on a volume", spec: r#"backup: {schedule: "0 3 * * *", to: {volume: {}}}"# },
    Good {
        what: "backups in a bucket, and one of them restored",
        spec: r#"backup:
  schedule: "*/30 0-6,22 1,15 JAN-DEC mon-fri"
  timeZone: America/Argentina/Buenos_Aires
  suspend: true
  retention: {keepLast: 90, maxAge: 30d}
  to:
    prefix: shop/orion
    s3:
      endpoint: https://s3.eu-central-1.amazonaws.com
      bucket: acme-backups
      region: eu-central-1
      pathStyle: false
      secretRef: {name: backup-keys}
      caSecretRef: {name: backup-ca}
restore: {backup: 20261124T030000Z, attempt: 2, ignoreKeys: true}"#,
    },
    Good {
        what: "a platform that starts from another one's backup, with backups on a volume of its own size",
        spec: r#"backup: {schedule: "15 2 * * 0", to: {volume: {storage: 100Gi, storageClass: slow}}}
restore: {backup: 20261124T030000Z, from: {prefix: shop/old, volume: {claimName: old-backups}}}"#,
    },
    Good {
        what: "stores of somebody else",
        spec: "postgres: {external: {host: db.example.com, port: 6432, secretRef: {name: db-admin}}}
redis: {external: {provisioning: None, secretRef: {name: redis-urls}}}
rabbitmq: {external: {host: mq.example.com, managementPort: 443, tls: true, secretRef: {name: mq-admin}}}",
    },
    Good {
        what: "stores of somebody else with authorities of their own",
        spec: "postgres: {external: {host: db.example.com, secretRef: {name: db-admin}, caSecretRef: {name: pki}}}
redis: {external: {provisioning: None, secretRef: {name: redis-urls}, caSecretRef: {name: pki, key: redis_root.pem}}}",
    },
    Good {
        what: "stores in several instances by operators of their own",
        spec: r#"postgres:
  cloudNativePg:
    instances: 2
    image: ghcr.io/cloudnative-pg/postgresql:17.6-standard-trixie
    storage: 50Gi
    storageClass: fast
    resources: {requests: {cpu: "1", memory: 2Gi}, limits: {memory: 2Gi}}
redis:
  sentinel: {instances: 5, image: "docker.io/library/redis:8", storage: 2Gi, storageClass: fast}
rabbitmq: {clusterOperator: {}}"#,
    },
    Good {
        what: "a service with every setting",
        spec: r#"services:
  - name: auth
    replicas: 3
    image: registry.example.com:5000/acme/auth:1.2.3-debug
    env: [{name: ORION_LOG, value: "info,auth=debug"}, {name: RUST_BACKTRACE, value: "1"}]
    resources: {requests: {cpu: 250m, memory: 64Mi}, limits: {memory: 512Mi}}
    pod:
      nodeSelector: {disktype: ssd}
      tolerations: [{key: spot, operator: Exists, effect: NoSchedule}, {operator: Exists, effect: NoExecute, tolerationSeconds: 60}]
      topologySpread: [{maxSkew: 1, topologyKey: topology.kubernetes.io/zone}]
      priorityClassName: business-critical
      terminationGracePeriodSeconds: 60
      labels: {example.com/cost-centre: "4711"}
      affinity:
        nodeAffinity:
          requiredDuringSchedulingIgnoredDuringExecution:
            nodeSelectorTerms: [{matchExpressions: [{key: kubernetes.io/arch, operator: In, values: [amd64, arm64]}]}]
          preferredDuringSchedulingIgnoredDuringExecution:
            - {weight: 10, preference: {matchExpressions: [{key: spot, operator: DoesNotExist}]}}
        podAntiAffinity:
          preferredDuringSchedulingIgnoredDuringExecution:
            - weight: 100
              podAffinityTerm: {labelSelector: {matchLabels: {app: noisy}}, topologyKey: kubernetes.io/hostname}
      annotations: {prometheus.io/scrape: "true"}"#,
    },
    Good {
        what: "traces of every service for a collector",
        spec: r#"services:
  - {name: auth, env: [{name: ORION_OTLP_ENDPOINT, value: "http://collector.observability:4318"}]}
  - {name: user, env: [{name: ORION_OTLP_ENDPOINT, value: "http://collector.observability:4318"}]}
  - name: gateway
    env:
      - {name: ORION_OTLP_ENDPOINT, value: "http://collector.observability:4318"}
      - {name: ORION_OTLP_SAMPLE_RATIO, value: "0.1"}"#,
    },
    Good {
        what: "services that follow their load",
        spec: "{services: [{name: auth, autoscaling: {minReplicas: 2, maxReplicas: 10, targetCPUUtilizationPercentage: 60, targetMemoryUtilizationPercentage: 80}}, {name: user, autoscaling: {maxReplicas: 3}}]}",
    },
    Good { what: "a service that is stopped and kept", spec: "{services: [{name: user, replicas: 0}]}" },
    Good {
        what: "services switched off from the top",
        spec: "{services: [{name: gateway, enabled: false}, {name: user, enabled: false}]}",
    },
    Good {
        what: "everything that Prometheus can be told",
        spec: r#"{monitoring: {podMonitor: {interval: 1m30s, labels: {release: prometheus}}, rules: {labels: {team: "7"}}}}"#,
    },
    Good { what: "a port on every node", spec: "{exposure: {nodePort: {port: 30080}}}" },
    Good {
        what: "a load balancer",
        spec: "exposure:
  loadBalancer:
    port: 8080
    class: example.com/internal
    annotations: {example.com/tier: internal}",
    },
    Good {
        what: "a port on the nodes of the gateway, with client addresses kept",
        spec: "{exposure: {nodePort: {externalTrafficPolicy: Local}}}",
    },
    Good {
        what: "a host of the ingress controller, with every setting",
        spec: r#"exposure:
  ingress:
    className: nginx
    host: shop.example.com
    path: /api
    annotations: {nginx.ingress.kubernetes.io/proxy-body-size: 20m}
    tls: {secretName: shop-tls}
  trustedProxies: [10.42.7.0/24, "fd00:42::/64"]"#,
    },
    Good {
        what: "a certificate from cert-manager",
        spec: "{exposure: {ingress: {host: '*.example.com', tls: {certManager: {issuer: {name: team-ca, kind: Issuer}}}}}}",
    },
    Good {
        what: "hosts of a Gateway",
        spec: "exposure:
  gatewayApi:
    hosts: [shop.example.com, www.shop.example.com]
    parentRefs: [{name: public, namespace: edge, sectionName: https}]",
    },
    Good { what: "connections denied by default", spec: "{networkPolicies: {}}" },
    Good {
        what: "connections denied by default, and everything that is named beside",
        spec: r#"postgres: {external: {host: db.example.com, secretRef: {name: db-admin}}}
services: [{name: user, egressCIDRs: [198.51.100.25/32]}]
exposure: {ingress: {host: shop.example.com}}
networkPolicies:
  egressCIDRs: [10.20.0.0/16, "fd00:20::/64"]
  egressTo: [{namespaceLabels: {kubernetes.io/metadata.name: observability}}]
  scrapeFrom: [{namespaceLabels: {kubernetes.io/metadata.name: monitoring}, podLabels: {app.kubernetes.io/name: prometheus}}]
  ingressFrom: [{namespaceLabels: {kubernetes.io/metadata.name: ingress-nginx}}]"#,
    },
    Good {
        what: "policies that are written and not in force",
        spec: "{networkPolicies: {enabled: false}, redis: {external: {host: r, secretRef: {name: r}}}}",
    },
    Good { what: "no way in from outside", spec: "{exposure: {none: {}}}" },
    Good {
        what: "images of one's own",
        spec: r#"{version: 0.1.0, image: {registry: "registry.example.com:5000/acme/orion", pullPolicy: Always, pullSecrets: [{name: registry}]}}"#,
    },
    Good {
        what: "patience, and data that goes with the platform",
        spec: "{rollout: {tierTimeout: 1h30m, onFailure: Hold}, deletionPolicy: Delete, paused: true}",
    },
    Good { what: "accounts of at most a month", spec: "{credentials: {rotateEvery: 720h}}" },
];
