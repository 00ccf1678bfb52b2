# MinIO as `.ci/stores/minio.sh install` built it from source, and nothing else: no image of it is trusted here.
FROM scratch
COPY target/container-minio/ /
USER 65532:65532
ENTRYPOINT ["/minio"]
