# One static program and nothing else. `.ci/container.sh build` makes what is copied here:
#   target/container/bartizan                          a static build
#   target/container/etc/ssl/certs/ca-certificates.crt  the CAs that the build machine trusts, for stores with public certificates
FROM scratch
COPY target/container/ /
USER 65532:65532
EXPOSE 9443 9464
ENTRYPOINT ["/bartizan"]
CMD ["serve"]
