//! A certificate authority that each test has for itself.

use std::path::PathBuf;

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, DnType,
    ExtendedKeyUsagePurpose, IsCa, KeyIdMethod, KeyPair, RevokedCertParams, SanType, SerialNumber,
    date_time_ymd,
};
use tempfile::TempDir;

use crate::rig::program::scratch;
use crate::rig::server::Builder;

/// Issues the certificates of a test.
pub(super) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    directory: TempDir,
}

/// A certificate and its key.
#[derive(Clone)]
pub(super) struct Pair {
    pub(super) certificate: String,
    pub(super) key: String,
}

/// A certificate and its key in files.
#[derive(Clone)]
pub(super) struct Files {
    pub(super) certificate: PathBuf,
    pub(super) key: PathBuf,
}

impl Authority {
    pub(super) fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "the test's authority");
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let directory = scratch();
        std::fs::write(directory.path().join("ca.pem"), issuer.pem()).unwrap();
        Self { issuer, directory }
    }

    /// File with the certificate of the authority.
    pub(super) fn root(&self) -> PathBuf {
        self.path("ca.pem")
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Issues a certificate for a server on this machine. Its common name is `name`.
    pub(super) fn server(&self, name: &str) -> Pair {
        self.sign(named(name))
    }

    /// Issues a certificate that has expired.
    pub(super) fn expired(&self) -> Pair {
        let mut params = named("expired");
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2020, 4, 1);
        self.sign(params)
    }

    /// Issues a client certificate with a common name, a DNS name and a mail address.
    pub(super) fn client(&self, name: &str) -> Pair {
        self.sign(client_named(name))
    }

    /// The same, under a serial number by which it can be revoked.
    pub(super) fn client_numbered(&self, name: &str, serial: u64) -> Pair {
        let mut params = client_named(name);
        params.serial_number = Some(SerialNumber::from(serial));
        self.sign(params)
    }

    /// The list of these revoked serial numbers, in PEM form.
    pub(super) fn revocations(&self, serials: &[u64]) -> String {
        let revoked = |serial: &u64| RevokedCertParams {
            serial_number: SerialNumber::from(*serial),
            revocation_time: date_time_ymd(2026, 1, 1),
            reason_code: None,
            invalidity_date: None,
        };
        let params = CertificateRevocationListParams {
            this_update: date_time_ymd(2026, 1, 1),
            next_update: date_time_ymd(2100, 1, 1),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: serials.iter().map(revoked).collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        params.signed_by(&self.issuer).unwrap().pem().unwrap()
    }

    pub(super) fn sign(&self, params: CertificateParams) -> Pair {
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Pair { certificate: certificate.pem(), key: key.serialize_pem() }
    }

    /// Writes `pair` as `name.crt` and `name.key`.
    pub(super) fn files(&self, name: &str, pair: &Pair) -> Files {
        let files = Files {
            certificate: self.path(&format!("{name}.crt")),
            key: self.path(&format!("{name}.key")),
        };
        files.write(pair);
        files
    }
}

/// What a client's certificate says.
pub(super) fn client_named(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.subject_alt_names = vec![
        SanType::DnsName(format!("{name}.example").try_into().unwrap()),
        SanType::Rfc822Name(format!("{name}@example.org").try_into().unwrap()),
    ];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params
}

fn named(name: &str) -> CertificateParams {
    let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
    let mut params = CertificateParams::new(names).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

impl Files {
    pub(super) fn write(&self, pair: &Pair) {
        std::fs::write(&self.certificate, &pair.certificate).unwrap();
        std::fs::write(&self.key, &pair.key).unwrap();
    }

    pub(super) fn given_to(&self, builder: Builder) -> Builder {
        builder
            .env("OPEN_REGISTRY_TLS_CERT_FILE", self.certificate.to_str().unwrap())
            .env("OPEN_REGISTRY_TLS_KEY_FILE", self.key.to_str().unwrap())
    }
}
