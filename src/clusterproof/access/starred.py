"""Actions that AWS authorises on no resource that a policy could name, by service.

Facts of the Service Authorization Reference: the actions whose column "Resource types" is empty, for which it says that
a policy must name all resources (``*``). As of 2026-11-21 (the machine-readable reference as cfn-lint 1.58.0 carries it;
a test compares). Left out: actions of CloudWatch Logs on log groups, which in truth are authorised on a log group's
ARN with an empty name, and a few that no SDK has.
"""

from __future__ import annotations

_BY_SERVICE = {
    "autoscaling": """
        DescribeAccountLimits DescribeAccountSettings DescribeAdjustmentTypes DescribeAutoScalingGroups
        DescribeAutoScalingInstances DescribeAutoScalingNotificationTypes DescribeInstanceRefreshes
        DescribeLaunchConfigurations DescribeLifecycleHookTypes DescribeLifecycleHooks DescribeLoadBalancerTargetGroups
        DescribeLoadBalancers DescribeMetricCollectionTypes DescribeNotificationConfigurations DescribePolicies
        DescribeScalingActivities DescribeScalingProcessTypes DescribeScheduledActions DescribeTags
        DescribeTerminationPolicyTypes DescribeTrafficSources DescribeWarmPool GetPredictiveScalingForecast
        PutAccountSetting
    """,
    "ec2": """
        AdvertiseByoipCidr AssociateIpamByoasn AssociateTrunkInterface BundleInstance CancelBundleTask
        CancelConversionTask CancelReservedInstancesListing ConfirmProductInstance CreateDefaultSubnet CreateDefaultVpc
        CreateReservedInstancesListing CreateSpotDatafeedSubscription DeleteSpotDatafeedSubscription
        DeleteSubnetCidrReservation DeprovisionByoipCidr DeregisterInstanceEventNotificationAttributes
        DescribeAccountAttributes DescribeAccountVpcEncryptionControl DescribeAddressTransfers DescribeAddresses
        DescribeAddressesAttribute DescribeAggregateIdFormat DescribeApplicationStatus
        DescribeApplicationStatusCheckAssociations DescribeApplicationStatusChecks DescribeAvailabilityZones
        DescribeAwsNetworkPerformanceMetricSubscriptions DescribeBundleTasks DescribeByoipCidrs
        DescribeCapacityBlockExtensionHistory DescribeCapacityBlockOfferings DescribeCapacityBlockStatus
        DescribeCapacityBlocks DescribeCapacityManagerDataExports DescribeCapacityReservationBillingRequests
        DescribeCapacityReservationCancellationQuotes DescribeCapacityReservationFleets
        DescribeCapacityReservationTopology DescribeCapacityReservations DescribeCarrierGateways
        DescribeClassicLinkInstances DescribeClientVpnEndpoints DescribeCoipPools DescribeConversionTasks
        DescribeCustomerGateways DescribeDeclarativePoliciesReports DescribeDhcpOptions
        DescribeEgressOnlyInternetGateways DescribeElasticGpus DescribeExportImageTasks DescribeExportTasks
        DescribeFastLaunchImages DescribeFastSnapshotRestores DescribeFleets DescribeFlowLogs DescribeFpgaImages
        DescribeHostReservationOfferings DescribeHostReservations DescribeHosts DescribeIamInstanceProfileAssociations
        DescribeIdFormat DescribeIdentityIdFormat DescribeImageReferences DescribeImageUsageReportEntries
        DescribeImageUsageReports DescribeImages DescribeImportImageTasks DescribeImportSnapshotTasks
        DescribeInstanceConnectEndpoints DescribeInstanceCreditSpecifications
        DescribeInstanceEventNotificationAttributes DescribeInstanceEventWindows DescribeInstanceImageMetadata
        DescribeInstanceSqlHaHistoryStates DescribeInstanceSqlHaStates DescribeInstanceStatus DescribeInstanceTopology
        DescribeInstanceTypeOfferings DescribeInstanceTypes DescribeInstances DescribeInternetGateways
        DescribeIpamByoasn DescribeIpamExternalResourceVerificationTokens DescribeIpamInternetRegistryAssociations
        DescribeIpamPolicies DescribeIpamPoolAllocations DescribeIpamPools DescribeIpamPrefixListResolverTargets
        DescribeIpamPrefixListResolvers DescribeIpamResourceDiscoveries DescribeIpamResourceDiscoveryAssociations
        DescribeIpamScopes DescribeIpams DescribeIpv6Pools DescribeKeyPairs DescribeLaunchTemplateVersions
        DescribeLaunchTemplates DescribeLocalGatewayRouteTableVirtualInterfaceGroupAssociations
        DescribeLocalGatewayRouteTableVpcAssociations DescribeLocalGatewayRouteTables
        DescribeLocalGatewayVirtualInterfaceGroups DescribeLocalGatewayVirtualInterfaces DescribeLocalGateways
        DescribeLockedSnapshots DescribeMacHosts DescribeMacModificationTasks DescribeManagedPrefixLists
        DescribeMovingAddresses DescribeNatGateways DescribeNetworkAcls DescribeNetworkInsightsAccessScopeAnalyses
        DescribeNetworkInsightsAccessScopes DescribeNetworkInsightsAnalyses DescribeNetworkInsightsPaths
        DescribeNetworkInterfaceAttribute DescribeNetworkInterfacePermissions DescribeNetworkInterfaces
        DescribeOutpostLags DescribePlacementGroups DescribePrefixLists DescribePrincipalIdFormat
        DescribePublicIpv4Pools DescribeRegions DescribeReplaceRootVolumeTasks DescribeReservedInstances
        DescribeReservedInstancesListings DescribeReservedInstancesModifications DescribeReservedInstancesOfferings
        DescribeRouteServerEndpoints DescribeRouteServerPeers DescribeRouteServers DescribeRouteTables
        DescribeScheduledInstanceAvailability DescribeScheduledInstances DescribeSecondaryInterfaces
        DescribeSecondaryNetworks DescribeSecondarySubnets DescribeSecurityGroupRules
        DescribeSecurityGroupVpcAssociations DescribeSecurityGroups DescribeServiceLinkVirtualInterfaces
        DescribeSnapshotTierStatus DescribeSnapshots DescribeSpotDatafeedSubscription DescribeSpotFleetRequests
        DescribeSpotInstanceRequests DescribeSpotPriceHistory DescribeStaleSecurityGroups DescribeStoreImageTasks
        DescribeSubnets DescribeTags DescribeTrafficMirrorFilterRules DescribeTrafficMirrorFilters
        DescribeTrafficMirrorSessions DescribeTrafficMirrorTargets DescribeTransitGatewayAttachments
        DescribeTransitGatewayConnectPeers DescribeTransitGatewayConnects DescribeTransitGatewayMeteringPolicies
        DescribeTransitGatewayMulticastDomains DescribeTransitGatewayPeeringAttachments
        DescribeTransitGatewayPolicyTables DescribeTransitGatewayRouteTableAnnouncements
        DescribeTransitGatewayRouteTables DescribeTransitGatewayVpcAttachments DescribeTransitGateways
        DescribeTrunkInterfaceAssociations DescribeVerifiedAccessEndpoints DescribeVerifiedAccessGroups
        DescribeVerifiedAccessInstanceLoggingConfigurations DescribeVerifiedAccessInstances
        DescribeVerifiedAccessTrustProviders DescribeVolumeStatus DescribeVolumes DescribeVolumesModifications
        DescribeVpcBlockPublicAccessExclusions DescribeVpcBlockPublicAccessOptions DescribeVpcClassicLink
        DescribeVpcClassicLinkDnsSupport DescribeVpcEncryptionControls DescribeVpcEndpointAssociations
        DescribeVpcEndpointConnectionNotifications DescribeVpcEndpointConnections
        DescribeVpcEndpointServiceConfigurations DescribeVpcEndpointServices DescribeVpcEndpoints
        DescribeVpcPeeringConnections DescribeVpcs DescribeVpnConcentrators DescribeVpnConnections DescribeVpnGateways
        DisableAllowedImagesSettings DisableAwsNetworkPerformanceMetricSubscription DisableCapacityManager
        DisableEbsEncryptionByDefault DisableImageBlockPublicAccess DisableIpamOrganizationAdminAccount
        DisableSerialConsoleAccess DisableSnapshotBlockPublicAccess DisassociateIpamByoasn DisassociateTrunkInterface
        EnableAllowedImagesSettings EnableAwsNetworkPerformanceMetricSubscription EnableCapacityManager
        EnableEbsEncryptionByDefault EnableImageBlockPublicAccess EnableIpamOrganizationAdminAccount
        EnableReachabilityAnalyzerOrganizationSharing EnableSerialConsoleAccess EnableSnapshotBlockPublicAccess
        ExportTransitGatewayRoutes GetAllowedImagesSettings GetAwsNetworkPerformanceData GetCapacityManagerAttributes
        GetCapacityManagerMetricData GetCapacityManagerMetricDimensions GetCapacityManagerMonitoredTagKeys
        GetDefaultCreditSpecification GetEbsDefaultKmsKeyId GetEbsEncryptionByDefault GetEnabledIpamPolicy
        GetHostReservationPurchasePreview GetImageBlockPublicAccessState GetInstanceMetadataDefaults
        GetInstanceTypesFromInstanceRequirements GetManagedResourceVisibility GetSerialConsoleAccessStatus
        GetSnapshotBlockPublicAccessState GetSpotPlacementScores GetSubnetCidrReservations
        GetTransitGatewayAttachmentPropagations GetTransitGatewayPrefixListReferences
        GetTransitGatewayRouteTableAssociations GetTransitGatewayRouteTablePropagations GetVpnConnectionDeviceTypes
        ListImagesInRecycleBin ListSnapshotsInRecycleBin ListVolumesInRecycleBin ModifyAccountVpcEncryptionControl
        ModifyAvailabilityZoneGroup ModifyDefaultCreditSpecification ModifyEbsDefaultKmsKeyId ModifyIdFormat
        ModifyIdentityIdFormat ModifyInstanceMetadataDefaults ModifyManagedResourceVisibility
        ModifyVpcBlockPublicAccessOptions MoveAddressToVpc ProvisionByoipCidr PurchaseReservedInstancesOffering
        PurchaseScheduledInstances RegisterInstanceEventNotificationAttributes
        ReplaceImageCriteriaInAllowedImagesSettings ResetEbsDefaultKmsKeyId RestoreAddressToClassic
        RunScheduledInstances StartDeclarativePoliciesReport UpdateCapacityManagerMonitoredTagKeys
        UpdateCapacityManagerOrganizationsAccess WithdrawByoipCidr
    """,
    "ecr": """
        CreatePullThroughCacheRule CreateRepositoryCreationTemplate DeletePullThroughCacheRule DeleteRegistryPolicy
        DeleteRepositoryCreationTemplate DeleteSigningConfiguration DeregisterPullTimeUpdateExclusion
        DescribePullThroughCacheRules DescribeRegistry DescribeRepositoryCreationTemplates GetAccountSetting
        GetAuthorizationToken GetRegistryPolicy GetRegistryScanningConfiguration GetSigningConfiguration
        ListPullTimeUpdateExclusions PutAccountSetting PutRegistryPolicy PutRegistryScanningConfiguration
        PutReplicationConfiguration PutSigningConfiguration RegisterPullTimeUpdateExclusion UpdatePullThroughCacheRule
        UpdateRepositoryCreationTemplate ValidatePullThroughCacheRule
    """,
    "eks": """
        CreateCluster CreateEksAnywhereSubscription DescribeAddonConfiguration DescribeAddonVersions
        DescribeClusterVersions ListAccessPolicies ListClusters ListEksAnywhereSubscriptions RegisterCluster
    """,
    "iam": """
        CreateAccountAlias DeleteAccountAlias DeleteAccountPasswordPolicy DisableOrganizationsRootCredentialsManagement
        DisableOrganizationsRootSessions DisableOutboundWebIdentityFederation
        EnableOrganizationsRootCredentialsManagement EnableOrganizationsRootSessions EnableOutboundWebIdentityFederation
        GenerateCredentialReport GetAccountAuthorizationDetails GetAccountPasswordPolicy GetAccountProperties
        GetAccountSummary GetContextKeysForCustomPolicy GetCredentialReport GetOrganizationsAccessReport
        GetOutboundWebIdentityFederationInfo GetServiceLastAccessedDetails GetServiceLastAccessedDetailsWithEntities
        ListAccountAliases ListDelegationRequests ListGroups ListInstanceProfiles ListOpenIDConnectProviders
        ListOrganizationsFeatures ListPolicies ListRoles ListSAMLProviders ListServerCertificates ListUsers
        ListVirtualMFADevices PutAccountProperties SetSecurityTokenServicePreferences SimulateCustomPolicy
        UpdateAccountPasswordPolicy
    """,
    "kms": """
        ConnectCustomKeyStore CreateCustomKeyStore CreateKey DeleteCustomKeyStore DescribeCustomKeyStores
        DisconnectCustomKeyStore GenerateRandom ListAliases ListKeys ListRetirableGrants UpdateCustomKeyStore
    """,
    "logs": """
        AssociateSourceToS3TableIntegration CancelExportTask CancelImportTask CreateImportTask DeleteAccountPolicy
        DeleteIntegration DeleteQueryDefinition DeleteResourcePolicy DescribeAccountPolicies
        DescribeConfigurationTemplates DescribeDeliveries DescribeDeliveryDestinations DescribeDeliverySources
        DescribeDestinations DescribeExportTasks DescribeImportTaskBatches DescribeImportTasks DescribeLookupTables
        DescribeQueries DescribeQueryDefinitions DescribeResourcePolicies DisassociateSourceFromS3TableIntegration
        GetIntegration GetStorageTierPolicy ListIntegrations ListScheduledQueries ListSourcesForS3TableIntegration
        ListSyslogConfigurations PutAccountPolicy PutIntegration PutQueryDefinition PutResourcePolicy
        PutStorageTierPolicy StopQuery TestMetricFilter TestTransformer
    """,
    "organizations": """
        CreateAccount CreateGovCloudAccount CreateOrganization DeleteOrganization DeleteResourcePolicy
        DescribeCreateAccountStatus DescribeOrganization DescribeResourcePolicy DisableAWSServiceAccess
        EnableAWSServiceAccess EnableAllFeatures LeaveOrganization ListAWSServiceAccessForOrganization ListAccounts
        ListAccountsWithInvalidEffectivePolicy ListCreateAccountStatus ListDelegatedAdministrators
        ListHandshakesForAccount ListHandshakesForOrganization ListInboundResponsibilityTransfers
        ListOutboundResponsibilityTransfers ListPolicies ListRoots
    """,
    "s3": """
        CreateJob CreateStorageLensGroup GetAccessPoint GetAccountPublicAccessBlock ListAccessGrantsInstances
        ListAccessPoints ListAccessPointsForObjectLambda ListAllMyBuckets ListJobs ListMultiRegionAccessPoints
        ListStorageLensConfigurations ListStorageLensGroups PutAccountPublicAccessBlock PutStorageLensConfiguration
    """,
    "sqs": """
        ListQueues
    """,
    "sts": """
        DecodeAuthorizationMessage GetAccessKeyInfo GetCallerIdentity GetDelegatedAccessToken GetSessionToken
        GetWebIdentityToken
    """,
}

STARRED: frozenset[str] = frozenset(
    f"{service}:{name.lower()}" for service, names in _BY_SERVICE.items() for name in names.split()
)
"""All of them as ``service:action``, in lower case, as IAM compares them."""
